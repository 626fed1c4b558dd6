"""The shell around the app: environment, settings, addresses, processes, the embedded Postgres.

Start reading at `settings.py`. `manage.py up` enters at `management/commands/up.py`. Everything a
person sees and everything a registry answers is in `registry_browser`; this package only gives it
a database, a broker and running processes.
"""
