package graph

import (
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/graph/model"
)

func bulkPayload(o *bulk.Operation, err error) (*model.BulkOperationPayload, error) {
	if err != nil {
		return nil, err
	}
	return &model.BulkOperationPayload{Operation: o}, nil
}
