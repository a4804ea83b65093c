package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// TestPagesAreTheList: whatever the size of its pages, a list has the same items in the same order, each once.
func TestPagesAreTheList(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { pagesAreTheList(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { pagesAreTheList(t, storetest.Postgres(t)) })
}

func pagesAreTheList(t *testing.T, database string) {
	e := newACMEOn(t, database, "")
	a, m := e.App, e.m
	p := m.Partition.ID
	alice := colleague(t, a, m, "alice", rbac.Owners)
	for _, email := range []string{"x@example.com", "y@example.com", "z@example.com"} {
		if _, err := a.identity.Invite(alice, p, identity.Invitee{Email: email, FirstName: "New", LastName: "Person"}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		for _, query := range []string{
			fmt.Sprintf(
				`mutation { createApiToken(input: {partitionId: %q, name: "token-%d", role: CA_AUDITORS, expiresAt: %q}) { apiToken { id } }
					}`,
				p, n, a.now().AddDate(0, 1, 0).Format("2006-01-02T15:04:05Z"),
			),
			fmt.Sprintf(
				`mutation { cloneProfile(input: {partitionId: %q, sourceId: "privatessl-tls-server", id: "own-%d", name: "Own"}) { profile {
					id } } }`,
				p, n,
			),
		} {
			if got := a.ask(t, rbac.SystemActor(), query, nil); got.code() != "" {
				t.Fatal(got.Errors)
			}
		}
	}
	for n := range 3 {
		name := fmt.Sprintf("list-%d", n)
		if _, _, err := a.acmeAdmin.CreateKey(e.ctx, e.c.ID, acme.NewKey{FriendlyName: name}); err != nil {
			t.Fatal(err)
		}
		// Created as a row: a campaign of its own needs certificates to renew.
		row := acme.Campaign{ID: name, PartitionID: p, Name: name, BeginsAt: a.now(), EndsAt: a.now(), State: acme.Done, CreatedAt: a.now(),
			ActorKind: rbac.System}
		if err := a.store.DB(e.ctx).Create(&row).Error; err != nil {
			t.Fatal(err)
		}
	}
	of := func(field, item string) string {
		return fmt.Sprintf(
			`query($first: Int!, $after: String) { partition(id: %q) { %s { nodes { %s } pageInfo { hasNextPage endCursor } totalCount } }
				}`,
			p,
			field,
			item,
		)
	}
	for name, query := range map[string]string{
		"members":     of("members(first: $first, after: $after)", "user { id }"),
		"tokens":      of("apiTokens(first: $first, after: $after)", "id"),
		"credentials": of("cagwCredentials(first: $first, after: $after)", "id"),
		"authorities": of("certificationAuthorities(first: $first, after: $after, includeDeleted: true)", "id"),
		"profiles":    of("certificateProfiles(first: $first, after: $after, search: \"server\")", "id"),
		"jobs": `query($first: Int!, $after: String) { jobs(first: $first, after: $after) { nodes { kind key } pageInfo {
			hasNextPage endCursor } totalCount } }`,
		"outbox": `query($first: Int!, $after: String) { platformOutbox(first: $first, after: $after) { nodes { id } pageInfo {
			hasNextPage endCursor } totalCount } }`,
		"subscriptions": `query($first: Int!, $after: String) { subscriptions(first: $first, after: $after) { nodes { id } pageInfo {
			hasNextPage endCursor } totalCount } }`,
		"campaigns": of("renewalCampaigns(first: $first, after: $after)", "id"),
		"ACME keys": fmt.Sprintf(
			`query($first: Int!, $after: String) { protocolConfiguration(id: %q) { acme { externalKeys(first: $first, after: $after) { nodes
				{ id } pageInfo { hasNextPage endCursor } totalCount } } } }`,
			e.c.ID,
		),
		"below the root": of(`certificationAuthority(identifier: "root-1") { children(first: $first, after: $after)`, "id") + " }",
	} {
		asker := rbac.SystemActor()
		if name == "subscriptions" {
			asker = rbac.ActorFrom(alice)
		}
		read := func(first int, after any) (nodes []string, next any, total int) {
			t.Helper()
			got := a.ask(t, asker, query, map[string]any{"first": first, "after": after})
			if got.code() != "" {
				t.Fatal(name, got.Errors)
			}
			walk(got.Data, func(key string, v any) {
				switch key {
				case "nodes":
					for _, n := range v.([]any) {
						text, _ := json.Marshal(n)
						nodes = append(nodes, string(text))
					}
				case "pageInfo":
					if info := v.(map[string]any); info["hasNextPage"] == true {
						next = info["endCursor"]
					}
				case "totalCount":
					total = int(v.(float64))
				}
			})
			return nodes, next, total
		}
		whole, next, total := read(500, nil)
		if len(whole) == 0 && name != "jobs" || next != nil || total != len(whole) {
			t.Errorf("%s: %d of %d, more: %v", name, len(whole), total, next)
		}
		for _, size := range []int{1, 2, 3} {
			var pages []string
			for after, turn := any(nil), 0; turn == 0 || after != nil; turn++ {
				nodes, next, _ := read(size, after)
				if pages, after = append(pages, nodes...), next; turn > len(whole) {
					t.Fatalf("%s does not end", name)
				}
			}
			if !slices.Equal(pages, whole) {
				t.Errorf("%s in pages of %d:\n%s\nnot\n%s", name, size, strings.Join(pages, " "), strings.Join(whole, " "))
			}
		}
		for _, bad := range []string{"nonsense", "WzFd", "invitations.x"} {
			if got := a.ask(t, asker, query, map[string]any{"first": 1, "after": bad}); got.code() != "INVALID" {
				t.Errorf("%s after %q: %q %v", name, bad, got.code(), got.Errors)
			}
		}
	}
}
