"""The messages of the Open Inference Protocol over gRPC, made by `scripts/protocol.sh` from the definition beside."""
