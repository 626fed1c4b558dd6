"""Real Celery workers on real brokers, and what they survive."""
