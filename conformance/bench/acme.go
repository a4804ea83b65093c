package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/pkiaas/pkiaas/conformance/acmeclient"
	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// ordersAim is in complete orders a second on two cores, clients and PostgreSQL on them too.
const ordersAim = 200

// acme measures complete orders: newOrder, authorization, http-01 on loopback, finalize, download. Each is for another address,
// so that nothing was proved before; keys are P-256 and made beforehand.
func acme(length time.Duration) error {
	fmt.Printf(
		"\n%d cores, %d ACME clients of an account each, %s\n\n| what | per second | p50 | p99 | against |\n| --- | --- | --- | --- | "+
			"--- |\n",
		runtime.NumCPU(), clients, length,
	)
	if err := orders("SQLite", "", length); err != nil {
		return err
	}
	database, drop, err := storetest.CreatePostgres()
	if err != nil {
		fmt.Println("| PostgreSQL | not measured | | | " + err.Error() + " |")
		return nil
	}
	defer drop()
	return orders("PostgreSQL", database, length)
}

func orders(what, database string, length time.Duration) error {
	data, err := os.MkdirTemp("", "pkiaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	l, err := net.Listen("tcp", "0.0.0.0:0") // all of 127.0.0.0/8 is to be proved
	if err != nil {
		return err
	}
	responder := &acmeclient.Responder{}
	listener := &http.Server{Handler: responder, ReadHeaderTimeout: time.Minute}
	go func() { _ = listener.Serve(l) }()
	defer listener.Close()
	args := []string{"--acme-http-port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port)}
	if database != "" {
		args = append(args, "--database", database)
	}
	s, err := testbed.Start("demo", data, args...)
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // measured already
	if err := s.Operate(
		fmt.Sprintf(
			`mutation { updateSubscription(input: {subscriptionId: %q, tier: UNLIMITED, purchasedCertificates: 10000000}) { subscription {
				id } } }`,
			s.Manifest.Subscription.ID,
		),
	); err != nil {
		return err
	}
	key, err := s.ACME(database, "bench", false)
	if err != nil {
		return err
	}
	time.Sleep(2100 * time.Millisecond) // the server may know the old tier for two seconds
	ctx := context.Background()
	accounts, keys := make([]*acmeclient.Client, clients), make([]*ecdsa.PrivateKey, clients)
	for n := range accounts {
		if accounts[n], err = acmeclient.New(ctx, s.HTTP(), key.Directory); err != nil {
			return err
		}
		accounts[n].Present = responder.Present
		if err := accounts[n].Register(ctx, key.KID, key.HMAC); err != nil {
			return err
		}
		if keys[n], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
	}
	var number atomic.Uint32
	order := func(worker int) error {
		n := number.Add(1)
		id := acmeclient.Identifier{Type: "ip", Value: net.IPv4(127, byte(n>>16)+1, byte(n>>8), byte(n)).String()}
		csr, err := acmeclient.RequestFor(keys[worker], id)
		if err != nil {
			return err
		}
		o, err := accounts[worker].NewOrder(ctx, "", id)
		if err != nil {
			return err
		}
		_, err = accounts[worker].Complete(ctx, o, csr)
		return err
	}
	if _, _, err := parallel(clients, time.Second, order); err != nil {
		return err
	}
	before, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	rate, times, err := parallel(clients, length, order)
	if err != nil {
		return err
	}
	after, err := s.ProcessorTime()
	if err != nil {
		return err
	}
	polls := int64(0)
	for _, a := range accounts {
		polls += a.Polls
	}
	aim := ""
	if database != "" {
		aim = fmt.Sprintf("aim %d, ", ordersAim)
	}
	row(
		"complete ACME orders, http-01, P-256, "+what, rate, times,
		fmt.Sprintf(
			"%s%.1f ms of the server's processor time each; told to wait %d times", aim, (after-before).Seconds()*1000/float64(len(times)),
			polls,
		),
	)
	return nil
}
