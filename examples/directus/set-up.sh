#!/usr/bin/env bash
# Gives a Directus that runs (DIRECTUS_URL, DIRECTUS_TOKEN) a collection of customers, and two flows that call sfsync (SFSYNC_URL, DIRECTUS_HOOK_TOKEN)
# when a customer is made or changed.
set -euo pipefail

# It may have been started a moment ago.
for _ in $(seq 120); do
    curl --silent --fail --output /dev/null "$DIRECTUS_URL/server/ping" && break
    sleep 1
done

post() {
    curl --silent --show-error --fail-with-body -H "Authorization: Bearer $DIRECTUS_TOKEN" -H 'Content-Type: application/json' \
        "$DIRECTUS_URL/$1" --data "$2"
}

field() { printf '{"field":"%s","type":"%s","meta":{},"schema":{}}' "$1" "$2"; }

# `changed` is set when a record is made and whenever it is changed: what Directus calls date-updated alone is empty on new records.
changed='{"field":"changed","type":"timestamp","meta":{"special":["date-created","date-updated"],"readonly":true},"schema":{}}'
key='{"field":"id","type":"integer","meta":{"hidden":true},"schema":{"is_primary_key":true,"has_auto_increment":true}}'
post collections "{\"collection\":\"customers\",\"meta\":{},\"schema\":{},\"fields\":[$key,$(field name string),$(field domain string),$(field phone string),$(field employees integer),$(field salesforce_id string),$changed]}" >/dev/null

# flow <event> <body of the call>
flow() {
    local made id
    made=$(post flows "{\"name\":\"sfsync $1\",\"status\":\"active\",\"trigger\":\"event\",\"options\":{\"type\":\"action\",\"scope\":[\"items.$1\"],\"collections\":[\"customers\"]}}")
    id=$(sed -E 's/.*"data":\{"id":"([^"]+)".*/\1/' <<<"$made")
    made=$(post operations "{\"flow\":\"$id\",\"key\":\"call\",\"type\":\"request\",\"name\":\"call\",\"position_x\":20,\"position_y\":1,\"options\":{\"method\":\"POST\",\"url\":\"$SFSYNC_URL/hooks/directus/customers\",\"headers\":[{\"header\":\"Authorization\",\"value\":\"Bearer $DIRECTUS_HOOK_TOKEN\"}],\"body\":\"$2\"}}")
    curl --silent --show-error --fail-with-body -X PATCH -H "Authorization: Bearer $DIRECTUS_TOKEN" -H 'Content-Type: application/json' \
        "$DIRECTUS_URL/flows/$id" --data "{\"operation\":\"$(sed -E 's/.*"data":\{"id":"([^"]+)".*/\1/' <<<"$made")\"}" >/dev/null
}
flow create '{\"event\":\"create\",\"ids\":[{{$trigger.key}}]}'
flow update '{\"event\":\"update\",\"ids\":{{$trigger.keys}}}'
echo "customers and two flows are there"
