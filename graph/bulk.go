package graph

import (
	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/notify"
	"github.com/pkiaas/pkiaas/graph/model"
)

func bulkPayload(o *bulk.Operation, err error) (*model.BulkOperationPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.BulkOperationPayload{Operation: o}, nil
}

func webhookPayload(h *notify.Webhook, err error) (*model.WebhookPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.WebhookPayload{Webhook: h}, nil
}

func approvalPayload(a *approval.Request, err error) (*model.ApprovalPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.ApprovalPayload{Approval: a}, nil
}
