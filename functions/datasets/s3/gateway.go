package s3

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	gatewayauth "github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"

	"function/functions/datasets/internal/s3keys"
	"function/shared/fault"
)

// maxRequests is more than the concurrency of a process, which Knative limits.
const maxRequests = 1024

// gateway is the running server of the protocol.
type gateway struct {
	server    *s3api.S3ApiServer
	transport *http.Transport
	dir       string
	ended     chan error
}

// startGateway starts the server on a Unix socket in a directory that only this process's user can open. The path is in the
// system's temporary directory, because the length of the paths of sockets is limited.
func startGateway(f *Function) (*gateway, error) {
	dir, err := os.MkdirTemp("", "s3-*")
	if err != nil {
		return nil, fmt.Errorf("make directory of socket: %w", err)
	}
	socket := filepath.Join(dir, "s3")
	ready := make(chan struct{})
	// No client knows this account.
	root := middlewares.RootUserConfig{Access: rand.Text(), Secret: rand.Text()}
	server, err := s3api.New(&backend{Function: f}, root, s3keys.Region, accounts{gatewayauth.NewIAMServiceSingle(gatewayauth.Account{Access: root.Access, Secret: root.Secret}), f}, nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(), s3api.WithConcurrencyLimiter(maxRequests, maxRequests),
		s3api.WithOnListen(func() { close(ready) }))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make S3 gateway: %w", err), os.RemoveAll(dir))
	}
	g := &gateway{server: server, dir: dir, ended: make(chan error, 1)}
	g.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, WriteBufferSize: readSize,
	}
	go func() { g.ended <- server.ServeMultiPort([]string{socket}) }()
	select {
	case <-ready:
		return g, nil
	case err := <-g.ended:
		return nil, errors.Join(fmt.Errorf("start S3 gateway: %w", err), os.RemoveAll(dir))
	}
}

func (g *gateway) close() error {
	g.transport.CloseIdleConnections()
	err := g.server.ShutDown()
	<-g.ended // says that the listener is closed
	return errors.Join(err, os.RemoveAll(g.dir))
}

// accounts gives the gateway the keys by which it verifies signatures.
type accounts struct {
	gatewayauth.IAMService // knows the gateway's own account only
	f                      *Function
}

// findTimeout limits the lookup of credentials, which the request has done just before.
const findTimeout = 5 * time.Second

// DeriveSigningKey implements auth.SigningKeyProvider. Rights are the backend's concern, so every account may do everything
// as far as the gateway's own rules go.
func (a accounts) DeriveSigningKey(accessKey, sessionToken, date, region, service string) ([]byte, gatewayauth.Account, error) {
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	_, secretKey, err := a.f.issuer.Find(ctx, accessKey, sessionToken)
	if f, ok := fault.As(err); ok && f.Kind == fault.Unauthenticated {
		return nil, gatewayauth.Account{}, gatewayauth.ErrNoSuchUser
	}
	if err != nil {
		return nil, gatewayauth.Account{}, s3err.GetAPIError(s3err.ErrInternalError)
	}
	key := []byte("AWS4" + secretKey)
	for _, part := range []string{date, region, service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key, gatewayauth.Account{Access: accessKey, SessionToken: sessionToken, IsSession: sessionToken != "", Role: gatewayauth.RoleAdmin}, nil
}
