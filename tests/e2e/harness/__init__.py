"""What the end-to-end tests stand on: a network of their own, real servers, the edge itself."""
