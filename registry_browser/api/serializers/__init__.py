"""The fields that answers have and bodies may have, one file for each subject. Names here are a
promise to callers.
"""
