package graph

import (
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/graph/model"
)

func offeringRequest(in *model.ProtocolOfferingInput) protocolconfig.OfferingRequest {
	return protocolconfig.OfferingRequest{
		Name:      value(in.Name),
		CAID:      in.CaID,
		ProfileID: in.ProfileID,
		Rules:     protocolconfig.Rules{MaxValidityHours: in.MaxValidityHours},
	}
}

func offeringRequests(in []*model.ProtocolOfferingInput) []protocolconfig.OfferingRequest {
	out := make([]protocolconfig.OfferingRequest, len(in))
	for n, one := range in {
		out[n] = offeringRequest(one)
	}
	return out
}

func offeringChange(in model.UpdateProtocolOfferingInput) protocolconfig.OfferingChange {
	change := protocolconfig.OfferingChange{Name: in.Name, CAID: in.CaID, ProfileID: in.ProfileID, First: in.MakeDefault}
	if in.MaxValidityHours != nil {
		change.Rules = &protocolconfig.Rules{MaxValidityHours: *in.MaxValidityHours}
	}
	return change
}
