"""The parts that page templates are composed of. Pages load `registry_tags`, which has them all.

Tags draw what they are given: they ask nothing of the database and decide nothing about content.
"""
