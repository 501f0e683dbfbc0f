"""The Singer tap for Salesforce as it is published, with two changes: it is given a token where it would sign in at the addresses of
Salesforce, and of all objects it is told of one only, so that finding out what there is costs as little as it can.

`catalog` prints what the tap finds, with the fields of the benchmark selected; `sync FILE` prints the messages of so many records.
"""

import io
import itertools
import json
import os
import sys
from contextlib import redirect_stdout

import tap_salesforce
from singer import metadata
from tap_salesforce.salesforce import Salesforce

OBJECT = "Opportunity"


def login(self):
    self.instance_url, self.access_token = os.environ["ORG_URL"], os.environ["ORG_TOKEN"]


def describe(self, sobject=None, whole=Salesforce.describe):
    return whole(self, sobject) if sobject else {"sobjects": [{"name": OBJECT}]}


def query(self, *arguments, whole=Salesforce.query):
    return itertools.islice(whole(self, *arguments), int(os.environ["RECORDS"]))


def tap():
    return Salesforce(
        default_start_date="2000-01-01T00:00:00Z", api_type="REST", quota_percent_total=100, quota_percent_per_run=100
    )


def select(stream, fields):
    known = metadata.to_map(stream["metadata"])
    known[()].update({"selected": True, "replication-method": "INCREMENTAL", "replication-key": "SystemModstamp"})
    for name in stream["schema"]["properties"]:
        known[("properties", name)]["selected"] = name in fields
    stream["metadata"] = metadata.to_list(known)


def main():
    Salesforce.login, Salesforce.describe, Salesforce.query = login, describe, query
    org = tap()
    org.login()
    if sys.argv[1] == "catalog":
        found = io.StringIO()
        with redirect_stdout(found):
            tap_salesforce.do_discover(org)
        catalog = json.loads(found.getvalue())
        for stream in catalog["streams"]:
            select(stream, os.environ["FIELDS"].split(","))
        json.dump(catalog, sys.stdout)
    else:
        with open(sys.argv[2], encoding="utf-8") as file:
            catalog = json.load(file)
        tap_salesforce.do_sync(org, catalog, tap_salesforce.build_state({}, catalog))


main()
