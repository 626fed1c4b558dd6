"""One module an area. A view reads its request, asks one query or one operation, and renders."""
