"""The broker: PGMQ in our database, made once, and what is said of one that is away."""

from __future__ import annotations

import psycopg
import pytest
from celery import Celery
from django.db import connection

from dashboard import broker


def conninfo() -> str:
    return broker.database_conninfo(dict(connection.settings_dict))


def app_on_pgmq() -> Celery:
    app = Celery("test", broker=broker.PGMQ)
    app.conf.broker_transport_options = broker.transport_options(conninfo(), visibility_timeout=30)
    app.conf.task_default_queue = broker.QUEUE
    return app


def test_the_conninfo_keeps_socket_password_and_tls_options() -> None:
    database = {
        "HOST": "/run/pg",
        "PORT": 5433,
        "USER": "me",
        "PASSWORD": "it's",
        "NAME": "registries",
        "OPTIONS": {"sslmode": "require", "pool": True},
    }

    parsed = psycopg.conninfo.conninfo_to_dict(broker.database_conninfo(database))

    assert parsed == {
        "host": "/run/pg",
        "port": "5433",
        "user": "me",
        "password": "it's",
        "dbname": "registries",
        "sslmode": "require",
    }


@pytest.mark.django_db(transaction=True)
def test_preparing_twice_leaves_one_queue_and_its_messages() -> None:
    broker.prepare(conninfo())
    with psycopg.connect(conninfo()) as session:
        session.execute("SELECT pgmq.send(%s, '{}')", [broker.QUEUE])

    broker.prepare(conninfo())

    with psycopg.connect(conninfo()) as session:
        queues = session.execute("SELECT queue_name FROM pgmq.meta").fetchall()
        purged = session.execute("SELECT pgmq.purge_queue(%s)", [broker.QUEUE]).fetchone()
    assert queues == [(broker.QUEUE,)]
    assert purged == (1,)


@pytest.mark.django_db(transaction=True)
def test_pgmq_in_our_database_is_reachable() -> None:
    broker.prepare(conninfo())

    assert broker.reachable(app_on_pgmq(), timeout=2)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//", "redis+socket:///nowhere/redis"]
)
def test_a_broker_that_is_away_is_said_to_be_unreachable(url: str) -> None:
    assert not broker.reachable(Celery("test", broker=url), timeout=1)
