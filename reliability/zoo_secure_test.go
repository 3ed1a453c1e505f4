// The zoo's TLS and HTTP/2 connections.

package reliability_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// authority is a certificate authority of the test's own and what it has signed.
type authority struct {
	roots                  *x509.CertPool
	good, otherHost, ended tls.Certificate
}

// certificates makes them once a process.
var certificates = sync.OnceValue(func() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Reliability Test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	sign := func(c, parent *x509.Certificate) tls.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, key)
		if err != nil {
			panic(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	leaf := func(from, to time.Duration, names ...string) tls.Certificate {
		return sign(&x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "API"}, DNSNames: names,
			NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
			IPAddresses: addresses(len(names) == 0), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, root)
	}
	trusted, err := x509.ParseCertificate(sign(root, root).Certificate[0])
	if err != nil {
		panic(err)
	}
	a := authority{roots: x509.NewCertPool()}
	a.roots.AddCert(trusted)
	a.good = leaf(-time.Hour, time.Hour)
	a.otherHost = leaf(-time.Hour, time.Hour, "elsewhere.test")
	a.ended = leaf(-2*time.Hour, -time.Hour)
	return a
})

func addresses(local bool) []net.IP {
	if local {
		return []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	return nil
}

// secureFaults are those of TLS and HTTP/2.
func secureFaults() []fault {
	var verification *tls.CertificateVerificationError
	// shakes does the API's side of a handshake.
	shakes := func(config *tls.Config) func(p *peer) {
		return func(p *peer) {
			conn := tls.Server(p.Conn, config)
			if conn.Handshake() == nil {
				_, _ = io.Copy(io.Discard, conn)
			}
		}
	}
	presents := func(c tls.Certificate) func(p *peer) {
		return shakes(&tls.Config{Certificates: []tls.Certificate{c}})
	}
	faults := []fault{
		{name: "TLS: certificate of another host", class: failed, err: &verification, conn: presents(certificates().otherHost)},
		{name: "TLS: certificate expired", class: failed, err: &verification, conn: presents(certificates().ended)},
		{name: "TLS: handshake stalls", class: retried, slow: true, conn: func(p *peer) { p.hold() }},
		{name: "TLS: handshake cut", class: retried, conn: func(p *peer) { _, _ = p.in.ReadByte() }},
		{name: "TLS: HTTP answers", class: failed, conn: func(p *peer) {
			_, _ = p.in.ReadByte()
			p.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		}},
		{name: "TLS: version too old", class: retried, conn: shakes(&tls.Config{
			Certificates: []tls.Certificate{certificates().good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		})},
		{name: "TLS: garbage after the handshake", class: retried, conn: func(p *peer) {
			conn := tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{certificates().good}})
			if conn.Handshake() == nil {
				p.say("\x17\x03\x03\x00\x05hello") // a record that nobody has sealed
				p.hold()
			}
		}},
	}
	for i := range faults {
		faults[i].scheme, faults[i].roots = "https", true
	}
	faults = append(faults, fault{
		name: "TLS: unknown authority", class: failed, err: &verification, scheme: "https", conn: presents(certificates().good), lost: true,
	}, fault{
		name: "HTTP: TLS answers", class: retried, conn: shakes(&tls.Config{Certificates: []tls.Certificate{certificates().good}}),
	})
	return append(faults, secondFaults()...)
}

// HTTP/2: RFC 9113 has the numbers.
const (
	frameData, frameHeaders, frameReset, frameSettings, frameGoAway = 0, 1, 3, 4, 7

	flagEndStream, flagAck, flagEndHeaders     = 1, 1, 4
	internalError, refusedStream, cancelStream = 2, 7, 8
)

// secondFaults are those of HTTP/2.
func secondFaults() []fault {
	faults := []fault{
		{name: "HTTP/2: GOAWAY before the request is taken", class: delivered, conn: second(func(s *stream) {
			s.request()
			s.goAway(0, 0)
		})},
		{name: "HTTP/2: GOAWAY while the request is under way", class: retried, conn: second(func(s *stream) {
			s.goAway(s.request(), internalError)
		})},
		{name: "HTTP/2: connection cut", class: retried, conn: second(func(s *stream) { s.request() })},
		{name: "HTTP/2: stream refused", class: delivered, conn: second(func(s *stream) {
			s.write(frameReset, 0, s.request(), 0, 0, 0, refusedStream)
			s.serve()
		})},
		{name: "HTTP/2: stream broken", class: retried, conn: second(func(s *stream) {
			s.write(frameReset, 0, s.request(), 0, 0, 0, internalError)
			s.serve()
		})},
		{name: "HTTP/2: stream cancelled", class: retried, conn: second(func(s *stream) {
			s.write(frameReset, 0, s.request(), 0, 0, 0, cancelStream)
			s.serve()
		})},
		{name: "HTTP/2: garbage", class: retried, conn: second(func(s *stream) {
			s.request()
			_, _ = io.WriteString(s.conn, "HTTP/1.1 200 OK\r\n\r\n")
			_, _ = io.Copy(io.Discard, s.in)
		})},
	}
	for i := range faults {
		faults[i].scheme, faults[i].roots, faults[i].apart = "https", true, true
	}
	return faults
}

// stream is the API's side of an HTTP/2 connection with one request at a time.
type stream struct {
	conn *tls.Conn
	in   *bufio.Reader
}

// second shakes hands for HTTP/2 and then does as told.
func second(then func(s *stream)) func(p *peer) {
	return func(p *peer) {
		conn := tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{certificates().good}, NextProtos: []string{"h2"}})
		defer conn.Close()
		s := &stream{conn, bufio.NewReader(conn)}
		preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		if _, err := io.ReadFull(s.in, preface); err == nil {
			s.write(frameSettings, 0, 0)
			then(s)
		}
	}
}

// write sends one frame.
func (s *stream) write(kind, flags byte, id uint32, payload ...byte) {
	frame := []byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(frame[5:], id)
	_, _ = s.conn.Write(append(frame, payload...))
}

// goAway says that no stream after last was or will be looked at.
func (s *stream) goAway(last uint32, code byte) {
	s.write(frameGoAway, 0, 0, 0, 0, 0, byte(last), 0, 0, 0, code)
}

// request reads to the end of the next request and returns its stream, 0 when
// the connection ends first.
func (s *stream) request() (id uint32) {
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(s.in, head); err != nil {
			return 0
		}
		length := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		if _, err := s.in.Discard(length); err != nil {
			return 0
		}
		kind, flags := head[3], head[4]
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			s.write(frameSettings, flagAck, 0)
		case (kind == frameHeaders || kind == frameData) && flags&flagEndStream != 0:
			return binary.BigEndian.Uint32(head[5:])
		}
	}
}

// serve answers every request with 200, which is the one byte 0x88.
func (s *stream) serve() {
	for id := s.request(); id != 0; id = s.request() {
		s.write(frameHeaders, flagEndHeaders|flagEndStream, id, 0x88)
	}
}
