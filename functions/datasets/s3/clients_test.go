package s3_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/shared/platformtest"
)

// TestClients_OfOthers_ReadAndWrite runs boto3, pandas, Polars, PyArrow and DuckDB.
func TestClients_OfOthers_ReadAndWrite(t *testing.T) {
	t.Parallel()
	interpreter := platformtest.Python(t)
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "sales")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "id,region,amount\n1,EU,10\n2,US,20\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	body, contentType := datasetstest.Form(t, "file", "b.csv", "", "id,region,amount\n3,EU,30\n")
	p.Do(caller.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/upload?operation=append", strings.NewReader(body), "Content-Type", contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 2)
	c := platformtest.Decode[credentials](t, p.Do(caller.Token, http.MethodPost, credentialsPath, nil).Want(t, http.StatusCreated))

	command := exec.CommandContext(t.Context(), interpreter, "testdata/clients.py", t.TempDir())
	command.Env = append(os.Environ(), "S3_ENDPOINT="+p.URL, "S3_KEY="+c.AccessKeyID, "S3_SECRET="+c.SecretAccessKey, "S3_TOKEN="+c.SessionToken, "AWS_EC2_METADATA_DISABLED=true")
	var problems bytes.Buffer
	command.Stderr = &problems
	answers, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	version := 2
	for lines := bufio.NewScanner(output); lines.Scan(); {
		t.Log(lines.Text())
		if !strings.HasPrefix(lines.Text(), "written ") {
			continue
		}
		version++
		datasetstest.Profile(t, p, version)
		if _, err := answers.Write([]byte("\n")); err != nil {
			t.Error(err)
		}
	}
	if err := command.Wait(); err != nil {
		t.Errorf("%v\n%s", err, problems.String())
	}
	if version != 7 {
		t.Errorf("the clients wrote %d versions, want 5", version-2)
	}
}
