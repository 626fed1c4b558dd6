"""What acme builds: its base images and its applications, as tables. ``company`` makes them real.

Sizes are compressed bytes before a small deterministic variation; 0 stands for a Dockerfile line
that makes no layer.
"""

from __future__ import annotations

from dataclasses import dataclass

KB = 1024
MB = 1024 * KB

BOTH = ("linux/amd64", "linux/arm64/v8")
AMD64 = ("linux/amd64",)
THREE = ("linux/amd64", "linux/arm64/v8", "linux/arm/v7")


@dataclass(frozen=True, slots=True)
class Step:
    """A Dockerfile line. Its layer is shared by ``lasts`` consecutive versions, then changes."""

    line: str
    size: int = 0
    lasts: int = 1


@dataclass(frozen=True, slots=True)
class Base:
    """A base image. Every release repeats the system layer for some time."""

    repository: str
    releases: tuple[str, ...]
    system: str
    system_size: int
    steps: tuple[Step, ...]
    platforms: tuple[str, ...] = BOTH


@dataclass(frozen=True, slots=True)
class App:
    """An application and its published versions, oldest first, ``days`` apart on average.

    ``builds`` counts the pushes to the moving tag ``main``; all but the last are left untagged.
    """

    repository: str
    base: str
    versions: tuple[str, ...]
    steps: tuple[Step, ...]
    entrypoint: tuple[str, ...]
    platforms: tuple[str, ...] = AMD64
    docker: bool = False
    attestations: bool = False
    builds: int = 3
    days: int = 9
    cosign: bool = False
    referrers: bool = False
    description: str = ""


def series(major: int, minors: range, patches: int, candidates: int = 1) -> tuple[str, ...]:
    """Return ``major.minor.patch`` versions, the newest minor with release candidates before it."""
    versions: list[str] = []
    for minor in minors:
        if minor == minors[-1]:
            versions += [f"{major}.{minor}.0-rc.{number + 1}" for number in range(candidates)]
        versions += [f"{major}.{minor}.{patch}" for patch in range(patches)]
    return tuple(versions)


def _python(size: int, code: int = 900 * KB) -> tuple[Step, ...]:
    return (
        Step("WORKDIR /srv"),
        Step("COPY requirements.txt /srv/ # buildkit", 4 * KB, 5),
        Step("RUN pip install --no-cache-dir -r requirements.txt # buildkit", size, 5),
        Step("COPY . /srv # buildkit", code),
        Step("USER 10001"),
        Step("EXPOSE map[8000/tcp:{}]"),
    )


def _node(size: int, code: int = 6 * MB) -> tuple[Step, ...]:
    return (
        Step("WORKDIR /usr/src/app"),
        Step("COPY package.json package-lock.json ./ # buildkit", 180 * KB, 3),
        Step("RUN npm ci --omit=dev # buildkit", size, 3),
        Step("COPY dist ./dist # buildkit", code),
        Step("USER node"),
        Step("EXPOSE map[3000/tcp:{}]"),
    )


def _go(size: int) -> tuple[Step, ...]:
    return (Step("COPY /out/service /service # buildkit", size), Step("USER nonroot"))


def _java(size: int) -> tuple[Step, ...]:
    return (
        Step("COPY build/libs/dependencies /app/lib # buildkit", size, 4),
        Step("COPY build/libs/app.jar /app/app.jar # buildkit", 3 * MB),
        Step("ENV JAVA_TOOL_OPTIONS=-XX:MaxRAMPercentage=75"),
    )


def _torch(weights: int) -> tuple[Step, ...]:
    return (
        Step("RUN pip install --no-cache-dir torch transformers # buildkit", 1_950 * MB, 8),
        Step("COPY weights /opt/weights # buildkit", weights, 3),
        Step("COPY src /opt/src # buildkit", 2 * MB),
        Step("ENV NVIDIA_VISIBLE_DEVICES=all"),
    )


_APT = "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends"
_PYTHON = ("python", "-m")
_NODE = ("node", "dist/main.js")
_JAVA = ("java", "-jar", "/app/app.jar")

BASES = (
    Base(
        "platform/base/python",
        ("3.11.8", "3.11.9", "3.12.4", "3.12.6", "3.12.8", "3.13.1"),
        "debian bookworm",
        49 * MB,
        (
            Step(f"{_APT} ca-certificates libpq5 tzdata", 24 * MB, 2),
            Step("ENV PYTHONDONTWRITEBYTECODE=1"),
            Step("RUN /bin/sh -c build python and strip it", 46 * MB),
            Step("RUN pip install --no-cache-dir pip setuptools # buildkit", 3 * MB, 2),
            Step('CMD ["python3"]'),
        ),
        THREE,
    ),
    Base(
        "platform/base/node",
        ("18.20.4", "20.12.2", "20.15.1", "20.18.0", "22.11.0"),
        "debian bookworm",
        49 * MB,
        (
            Step(f"{_APT} ca-certificates tini", 12 * MB, 2),
            Step("RUN /bin/sh -c install node and yarn", 44 * MB),
            Step("COPY docker-entrypoint.sh /usr/local/bin/ # buildkit", 4 * KB, 5),
            Step('ENTRYPOINT ["docker-entrypoint.sh"]'),
        ),
    ),
    Base(
        "platform/base/go-runtime",
        ("1.21.0", "1.22.3", "1.23.1"),
        "distroless static",
        2 * MB,
        (Step("COPY /etc/ssl/certs /etc/ssl/certs # buildkit", 220 * KB, 2),),
        THREE,
    ),
    Base(
        "platform/base/java",
        ("17.0.11", "21.0.3", "21.0.5"),
        "ubuntu jammy",
        29 * MB,
        (
            Step(f"{_APT} fontconfig tzdata", 16 * MB, 2),
            Step("RUN /bin/sh -c install temurin jre", 138 * MB),
            Step("ENV JAVA_HOME=/opt/java/openjdk"),
        ),
    ),
    Base(
        "platform/base/cuda",
        ("12.2.2", "12.4.1"),
        "ubuntu jammy",
        29 * MB,
        (
            Step(f"{_APT} python3 python3-pip", 71 * MB, 2),
            Step(f"{_APT} cuda-libraries libnccl2", 1_310 * MB),
            Step(f"{_APT} libcudnn9", 870 * MB),
            Step("ENV LD_LIBRARY_PATH=/usr/local/cuda/lib64"),
        ),
        AMD64,
    ),
)

APPS = (
    App(
        "platform/observability/agent", "platform/base/go-runtime", series(0, range(38, 43), 3),
        _go(31 * MB), ("/service", "--config=/etc/agent.yaml"), THREE, attestations=True,
        description="Collects metrics, logs and traces on every node",
    ),
    App(
        "platform/ci/runner", "platform/base/node", series(2, range(5, 9), 3), _node(210 * MB),
        ("/usr/local/bin/docker-entrypoint.sh", "runner"), BOTH,
        description="Runs the pipelines of all teams",
    ),
    App(
        "marketing/campaign10-17/web", "platform/base/node", series(10, range(15, 18), 4),
        _node(96 * MB), _NODE, BOTH, attestations=True, builds=2, days=14,
        description="Autumn campaign, kept for its numbers",
    ),
    App(
        "marketing/campaign10-18/web", "platform/base/node", series(10, range(16, 19), 5, 3),
        _node(104 * MB), _NODE, BOTH, attestations=True, builds=6, days=6, cosign=True,
        description="Landing pages of campaign 10-18",
    ),
    App(
        "marketing/campaign10-18/api", "platform/base/python", series(10, range(17, 19), 6),
        _python(62 * MB), (*_PYTHON, "campaign.api"), BOTH, attestations=True, builds=5,
        description="Forms and tracking of campaign 10-18",
    ),
    App(
        "marketing/site", "platform/base/node", series(5, range(5), 3), _node(132 * MB), _NODE,
        docker=True, builds=4, description="The company's web site",
    ),
    App(
        "payments/ledger-api", "platform/base/java", series(4, range(3, 8), 4, 2), _java(88 * MB),
        _JAVA, BOTH, attestations=True, builds=5, days=7, cosign=True, referrers=True,
        description="The double-entry ledger",
    ),
    App(
        "payments/checkout", "platform/base/node", series(7, range(6), 3), _node(88 * MB), _NODE,
        BOTH, attestations=True, builds=4, referrers=True, description="Checkout pages and baskets",
    ),
    App(
        "payments/fraud-scoring", "platform/base/python", series(1, range(8, 12), 4),
        _python(410 * MB, 38 * MB), (*_PYTHON, "fraud.serve"), builds=3, cosign=True,
        description="Scores every payment in 40 ms",
    ),
    App(
        "payments/reconciler", "platform/base/java", series(2, range(4), 3), _java(74 * MB),
        _JAVA, docker=True, days=18, description="Compares the ledger with the banks each night",
    ),
    App(
        "data/airflow/worker", "platform/base/python", series(2, range(7, 11), 4),
        _python(520 * MB, 4 * MB), ("airflow", "celery", "worker"), BOTH, docker=True, builds=4,
        description="Airflow worker with our providers",
    ),
    App(
        "data/airflow/scheduler", "platform/base/python", series(2, range(7, 11), 4),
        _python(520 * MB, 3 * MB), ("airflow", "scheduler"), BOTH, docker=True,
        description="Airflow scheduler with our providers",
    ),
    App(
        "data/ingest/kafka-connect", "platform/base/java", series(3, range(4, 8), 3),
        _java(260 * MB), ("/app/bin/connect",), days=16, description="Connectors into the lake",
    ),
    App(
        "data/notebooks", "platform/base/python", series(24, range(3, 8), 2),
        _python(1_180 * MB, 12 * MB), ("jupyter", "lab"), builds=2, days=21,
        description="Notebooks for analysts",
    ),
    App(
        "ml/ranking/serve", "platform/base/cuda", series(3, range(4), 4, 2), _torch(610 * MB),
        (*_PYTHON, "ranking.serve"), attestations=True, builds=5, referrers=True,
        description="Ranks search results on GPUs",
    ),
    App(
        "ml/ranking/train", "platform/base/cuda", series(3, range(4), 3), _torch(480 * MB),
        (*_PYTHON, "ranking.train"), builds=4, description="Trains the ranking model",
    ),
    App(
        "ml/ocr/train", "platform/base/cuda", series(1, range(3), 3, 3), _torch(1_240 * MB),
        (*_PYTHON, "ocr.train"), builds=4, days=15, description="Trains the receipt reader",
    ),
    App(
        "ml/ocr/serve", "platform/base/cuda", series(1, range(3), 4), _torch(780 * MB),
        (*_PYTHON, "ocr.serve"), builds=2, description="Reads receipts",
    ),
    App(
        "edge/gateway", "platform/base/go-runtime", series(1, range(26, 32), 4, 4), _go(44 * MB),
        ("/service", "gateway"), THREE, attestations=True, builds=6, days=5, cosign=True,
        description="Every request passes here",
    ),
    App(
        "edge/dns", "platform/base/go-runtime", series(1, range(9, 12), 3), _go(18 * MB),
        ("/service",), THREE, attestations=True, builds=2, days=25,
        description="Split-horizon DNS",
    ),
    App(
        "mobile/push-relay", "platform/base/go-runtime", series(6, range(4), 4), _go(22 * MB),
        ("/service", "relay"), BOTH, attestations=True, builds=3,
        description="Relays notifications to phones",
    ),
    App(
        "mobile/ota-server", "platform/base/java", series(1, range(2, 6), 3), _java(91 * MB), _JAVA,
        docker=True, builds=2, days=20, description="Ships app bundles over the air",
    ),
    App(
        "search/indexer", "platform/base/java", series(8, range(10, 15), 3), _java(142 * MB),
        _JAVA, BOTH, builds=4, description="Feeds the search cluster",
    ),
    App(
        "search/query-api", "platform/base/python", series(8, range(10, 14), 4), _python(58 * MB),
        (*_PYTHON, "search.query"), BOTH, attestations=True, builds=3,
        description="Answers the search box",
    ),
    App(
        "support/helpdesk", "platform/base/python", series(3, range(1, 4), 3), _python(84 * MB),
        (*_PYTHON, "helpdesk"), docker=True, builds=2, days=30,
        description="Tickets and answers",
    ),
    App(
        "support/chat-bot", "platform/base/node", series(0, range(8, 12), 3), _node(71 * MB), _NODE,
        builds=3, description="Answers before a person does",
    ),
)  # fmt: skip
