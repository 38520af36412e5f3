package proxy

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readPEM reads a certificate with its chain and its key out of one text, as HAProxy's crt takes them. Their order does not matter:
// the certificate is the one the key belongs to, and the chain goes from issuer to issuer.
func readPEM(text []byte) (*tls.Certificate, error) {
	certs, keys, err := readBlocks(text)
	switch {
	case err != nil:
		return nil, err
	case len(certs) == 0:
		return nil, errors.New("there is no certificate in it")
	case len(keys) == 0:
		return nil, errors.New("there is no private key in it")
	}
	for _, key := range keys {
		for i, leaf := range certs {
			if belongs(key, leaf) {
				return checked(&tls.Certificate{Certificate: chain(leaf, slices.Delete(certs, i, i+1)), PrivateKey: key, Leaf: leaf})
			}
		}
	}
	return nil, errors.New("its private key belongs to none of its certificates")
}

// readBlocks collects certificates and keys. Other blocks, such as DH and EC parameters, mean nothing here.
func readBlocks(text []byte) (certs []*x509.Certificate, keys []crypto.Signer, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("a certificate in it cannot be read: %w", err)
			}
			if !slices.ContainsFunc(certs, cert.Equal) {
				certs = append(certs, cert)
			}
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, nil, errors.New("its private key is encrypted, and there is nobody to ask for the password")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key, err := readKey(block.Bytes)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, key)
		}
	}
	return certs, keys, nil
}

// readKey reads a key in one of the three forms that OpenSSL has written over the years: PKCS #8, PKCS #1, SEC 1.
func readKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if rsaKey, rsaErr := x509.ParsePKCS1PrivateKey(der); rsaErr == nil {
			return rsaKey, nil
		}
		if ecKey, ecErr := x509.ParseECPrivateKey(der); ecErr == nil {
			return ecKey, nil
		}
		return nil, fmt.Errorf("its private key cannot be read: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("its private key is of a kind that cannot sign")
	}
	return signer, nil
}

// belongs says that a key is a certificate's.
func belongs(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// chain is the leaf and what it descends from, in the order in which TLS sends them. What does not fit follows: a client may know how
// it does.
func chain(leaf *x509.Certificate, others []*x509.Certificate) [][]byte {
	sent := [][]byte{leaf.Raw}
	for last := leaf; ; {
		i := slices.IndexFunc(others, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, last.RawIssuer) })
		if i < 0 {
			break
		}
		last = others[i]
		sent = append(sent, last.Raw)
		others = slices.Delete(others, i, i+1)
	}
	for _, c := range others {
		sent = append(sent, c.Raw)
	}
	return sent
}

// leastRSA is the shortest RSA key that the standard library signs with, in bits.
const leastRSA = 1024

// checked is the certificate, unless no client at all could be served with it.
func checked(cert *tls.Certificate) (*tls.Certificate, error) {
	if key, ok := cert.PrivateKey.(*rsa.PrivateKey); ok && key.N.BitLen() < leastRSA {
		return nil, fmt.Errorf("its RSA key has %d bits; at least %d are needed", key.N.BitLen(), leastRSA)
	}
	anybody := &tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12}, SupportedPoints: []uint8{0},
		SupportedCurves: []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519},
		SignatureSchemes: []tls.SignatureScheme{
			tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512, tls.PKCS1WithSHA256, tls.Ed25519,
			tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512,
		},
	}
	if err := anybody.SupportsCertificate(cert); err != nil {
		return nil, fmt.Errorf("no client could use its key: %w", err)
	}
	return cert, nil
}

// names are the hosts a certificate is for, lower-cased: those of its subjectAltName, and its common name as HAProxy takes it.
func names(cert *x509.Certificate) []string {
	var all []string
	for _, name := range append(slices.Clone(cert.DNSNames), cert.Subject.CommonName) {
		if name = strings.ToLower(strings.TrimSuffix(name, ".")); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
