"""One class for each address, thin: who may ask and how is in `base`, what the answer holds is in
`serializers`.
"""
