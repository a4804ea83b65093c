package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// gatewayAim: the CA Gateway API is at most a tenth slower than GraphQL.
const gatewayAim = 0.90

// cagw compares issuance through the CA Gateway API with issuance over GraphQL, by turns on the same server.
func cagw(length time.Duration) error {
	fmt.Printf(
		"\n%d clients, %s each, by turns; load average before %s\n\n| what | per second | server's processor time each | against |\n| "+
			"--- | --- | --- | --- |\n",
		clients, length, load(),
	)
	raw := rawIssuance(testbed.CSR("bench.example.com"), length/2)
	fmt.Printf("| raw limit: parse CSR, check its signature, sign (P-256), all cores | %.0f | | |\n", raw)
	if err := compareGateway("SQLite", "", raw, length); err != nil {
		return err
	}
	database, drop, err := storetest.CreatePostgres()
	if err != nil {
		fmt.Println("| PostgreSQL | not measured | | " + err.Error() + " |")
		return nil
	}
	defer drop()
	return compareGateway("PostgreSQL", database, raw, length)
}

func compareGateway(what, database string, raw float64, length time.Duration) error {
	data, err := os.MkdirTemp("", "pkiaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var args []string
	if database != "" {
		args = []string{"--database", database}
	}
	i, err := startIssuer(data, args...)
	if err != nil {
		return err
	}
	defer func() { _ = i.server.Stop() }() // measured already
	m := i.server.Manifest
	ca, err := i.server.CA(m.GraphQL.Token, m.Partition.ID, "issuing-1")
	if err != nil {
		return err
	}
	const profile = "privatessl-tls-server"
	overGraphQL := func(int) error {
		return i.server.GraphQL(
			m.GraphQL.Token, testbed.Issue, map[string]any{"i": map[string]any{"caId": ca, "profileId": profile, "csr": i.request}}, nil,
		)
	}
	overGateway, err := i.enroller(profile)
	if err != nil {
		return err
	}
	var rates, costs [2]float64 // the best of each: what else the machine does only takes away
	for range 3 {
		for n, issue := range []func(int) error{overGraphQL, overGateway} {
			if _, _, err := parallel(clients, warm, issue); err != nil {
				return err
			}
			rate, byCPU, err := withCPU(clients, length/2, cpuOf(i.server.PID(), 0), issue)
			if err != nil {
				return err
			}
			rates[n], costs[n] = max(rates[n], rate), max(costs[n], byCPU)
		}
	}
	for n, name := range []string{"GraphQL", "CA Gateway API"} {
		against := fmt.Sprintf("%.2f of raw", rates[n]/raw)
		if n == 1 {
			against += fmt.Sprintf(
				"; %.2f of GraphQL, by processor time %.2f: %s (aim %.2f)", rates[1]/rates[0], costs[1]/costs[0],
				verdict(rates[1]/rates[0], costs[1]/costs[0], gatewayAim), gatewayAim,
			)
		}
		fmt.Printf("| %s on %s | %.0f | %.0f µs | %s |\n", name, what, rates[n], 1e6*float64(runtime.NumCPU())/costs[n], against)
	}
	return nil
}

// enroller issues through the CA Gateway API with the demo's credential.
func (i *issuer) enroller(profile string) (func(int) error, error) {
	m := i.server.Manifest.CAGW
	file, err := os.ReadFile(m.P12File)
	if err != nil {
		return nil, err
	}
	key, leaf, _, err := pkcs12.DecodeChain(file, m.P12Password)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(i.request))
	body, err := json.Marshal(map[string]any{"profileId": profile, "csr": block.Bytes, "requiredFormat": map[string]any{"format": "X509"},
		"subjectAltNames": []map[string]string{{"type": "dNSName", "value": "bench.example.com"}}})
	if err != nil {
		return nil, err
	}
	// the server is our own
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, TLSClientConfig: &tls.Config{InsecureSkipVerify: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}}}
	return func(int) error {
		r, err := client.Post(m.URL+"/certificate-authorities/"+m.CAID+"/enrollments", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err == nil && r.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", r.Status, text)
		}
		return err
	}, nil
}
