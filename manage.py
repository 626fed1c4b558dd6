#!/usr/bin/env python
"""The command line: `manage.py up` runs everything, `manage.py help` lists the rest."""

import os
import sys

from django.core.management import execute_from_command_line

from dashboard.unprivileged import PostgresError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        execute_from_command_line(sys.argv)
    except PostgresError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
