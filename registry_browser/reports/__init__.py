"""Reports on space and sharing. Each file holds its statement, its row type and its function; they
read the record and never write.
"""
