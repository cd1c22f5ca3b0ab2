// SPDX-License-Identifier: Apache-2.0
// ZDS, istio.workload.zds of Istio's zds.proto: the bytes, and nothing else.
#ifndef ZDS_H
#define ZDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ZDS_MESSAGE = 1024, /* ztunnel reads into a buffer of this size */
	ZDS_TEXT = 1025,
};

enum zds_kind {
	ZDS_NOTHING, /* no member of the oneof was there */
	ZDS_ADD = 1,
	ZDS_DEL = 2,
	ZDS_SNAPSHOT_SENT = 3,
	ZDS_KEEP = 5,
};

struct zds_request {
	enum zds_kind kind;
	char uid[ZDS_TEXT];
	bool has_info; /* Add: workload_info was there */
	char name[ZDS_TEXT], namespace[ZDS_TEXT], service_account[ZDS_TEXT];
};

/* False: no protobuf. Unknown fields are skipped. */
bool zds_decode(const uint8_t *bytes, size_t length, struct zds_request *request);
size_t zds_encode_hello(uint8_t bytes[ZDS_MESSAGE]);
/* error "": success. */
size_t zds_encode_ack(const char *error, uint8_t bytes[ZDS_MESSAGE]);

#endif
