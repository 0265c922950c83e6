.PHONY: proto
proto:
	@scripts/proto.sh
