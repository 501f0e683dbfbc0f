"""simple-salesforce with COPY: what a good engineer writes in Python for the same load.

Reads the same fields by Bulk API 2.0 (or by REST pages), and copies them into the same table. The library always speaks https to the
org, and the simulated org answers by http only, so the session that it is given (a parameter of the library) changes the scheme.
"""

import csv
import io
import os
import sys
import time

import psycopg2
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce


class Plain(HTTPAdapter):
    """Sends what was addressed by https as http."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def connect():
    session = requests.Session()
    session.mount("https://", Plain())
    url, token = os.environ["ORG_URL"], os.environ["ORG_TOKEN"]
    return Salesforce(instance_url=url, session_id=token, version="66.0", session=session)


def main():
    way = sys.argv[1]
    fields = os.environ["FIELDS"].split(",")
    columns = os.environ["COLUMNS"].split(",")
    soql = f"SELECT {', '.join(fields)} FROM Opportunity"
    names = ", ".join(columns)
    copy = f"COPY floor ({names}) FROM STDIN WITH (FORMAT csv, HEADER, FORCE_NULL ({names}))"
    org = connect()
    database = psycopg2.connect(os.environ["DATABASE"])
    started = time.monotonic()
    with database, database.cursor() as cursor:
        if way == "bulk":
            for page in org.bulk2.Opportunity.query(soql, max_records=50_000):
                cursor.copy_expert(copy, io.StringIO(page))
        else:
            buffer = io.StringIO()
            writer = csv.writer(buffer)
            writer.writerow(columns)
            for record in org.query_all_iter(soql):
                writer.writerow([record[field] for field in fields])
                if buffer.tell() > 8 << 20:
                    flush(cursor, copy, buffer, writer, columns)
            flush(cursor, copy, buffer, writer, columns)
    print(f"{time.monotonic() - started:.2f}")


def flush(cursor, copy, buffer, writer, columns):
    buffer.seek(0)
    cursor.copy_expert(copy, buffer)
    buffer.seek(0)
    buffer.truncate()
    writer.writerow(columns)


main()
