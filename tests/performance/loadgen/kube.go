package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const longestLine = 1 << 20

// kube talks to the API server: requests share one HTTP/2 connection, as those of most clients do,
// and each watch has a connection of its own.
type kube struct {
	server   string
	token    string
	requests *http.Client
	watches  *http.Client
}

func newKube(p place) (*kube, error) {
	certificate, err := os.ReadFile(p.Certificate)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, fmt.Errorf("%s holds no certificate", p.Certificate)
	}
	transport := func(http2 bool) *http.Transport {
		return &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: http2,
		}
	}
	return &kube{
		server:   p.Server,
		token:    p.Token,
		requests: &http.Client{Transport: transport(true), Timeout: time.Minute},
		watches:  &http.Client{Transport: transport(false)},
	}, nil
}

// create posts an object and returns how the API server refused it, if it did.
func (k *kube) create(path string, body []byte) error {
	answer, err := k.ask(k.requests, "POST", path, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (k *kube) ask(by *http.Client, method, path string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, k.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+k.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "moorage-loadgen")
	answer, err := by.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 2000))
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, said)
	}
	return answer, nil
}

// watch follows a collection: it begins at the version of a list made now, and goes on at the last
// version heard of when the API server ends it, so that nothing is missed.
type watch struct {
	kube    *kube
	path    string
	version string
	body    io.ReadCloser
	reopens atomic.Int32
}

func (k *kube) watch(path string) (*watch, error) {
	answer, err := k.ask(k.requests, "GET", path+"?limit=1", nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		return nil, err
	}
	w := &watch{kube: k, path: path, version: list.Metadata.ResourceVersion}
	return w, w.open()
}

func (w *watch) open() error {
	query := "?watch=true&timeoutSeconds=86400&resourceVersion=" + w.version
	begun, err := w.kube.ask(w.kube.watches, "GET", w.path+query, nil)
	if err != nil {
		return err
	}
	w.body = begun.Body
	return nil
}

// follow passes every event on, as its line with the moment at which it was read, and returns why
// it cannot go on.
func (w *watch) follow(take func(line []byte, now int64)) error {
	for {
		if err := w.lines(take); err != nil && err != io.EOF {
			return err
		}
		w.reopens.Add(1)
		if err := w.open(); err != nil {
			return err
		}
	}
}

func (w *watch) lines(take func(line []byte, now int64)) error {
	defer w.body.Close()
	reader := bufio.NewReaderSize(w.body, longestLine)
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, isError) {
			return fmt.Errorf("the watch of %s: %s", w.path, line)
		}
		w.version = text(line, versionField)
		take(line, clock())
	}
}
