package database

import (
	"context"
	"errors"
	"net"
)

// ErrLost is returned for reads from and writes to a connection that the server or the network has
// closed. The effect of the statement in progress is unknown.
var ErrLost = errors.New("connection to the database lost")

// connection marks errors of the server's connection with ErrLost, so that they differ from a
// request body that ends too early: both are io.ErrUnexpectedEOF.
type connection struct{ net.Conn }

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return connection{conn}, nil
}

func (c connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, lost(err)
}

func (c connection) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, lost(err)
}

// lost marks an error with ErrLost, except timeouts: a deadline is the caller's own.
func lost(err error) error {
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return errors.Join(ErrLost, err)
}
