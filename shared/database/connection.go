package database

import (
	"context"
	"errors"
	"net"
)

// ErrLost marks what is read from, or written to, a connection that the server or
// the network has ended: in the middle of a statement, whose effect is unknown.
var ErrLost = errors.New("connection to the database lost")

// connection tells a lost server from a request body that ends too early: both
// would be io.ErrUnexpectedEOF.
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

// lost leaves a timeout as it is: a deadline is the caller's own.
func lost(err error) error {
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return errors.Join(ErrLost, err)
}
