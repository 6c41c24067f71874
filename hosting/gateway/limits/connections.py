"""Connection limits: open connections by client address, and bytes of request bodies in memory, in one process."""

from hosting.gateway import problems


class ConnectionLimiter:
    """Counts connections and body bytes. `body_bytes_left` is what may still be held."""

    def __init__(self, per_address: int, total: int, body_bytes: int) -> None:
        self.per_address = per_address
        self.total = total
        self.body_bytes_left = body_bytes
        self.rejected = 0
        self._by_address: dict[str, int] = {}
        self._open = 0

    def acquire(self, address: str | None) -> None:
        """Count a connection; raises Problem when it is one too many (it counts until it is released all the same).

        None: the address has no share of its own, only all connections together are limited.
        """
        count = 0
        if address is not None:
            count = self._by_address[address] = self._by_address.get(address, 0) + 1
        self._open += 1
        if count > self.per_address:
            self.rejected += 1
            raise problems.too_many_connections(self.per_address)
        if self._open > self.total:
            self.rejected += 1
            raise problems.gateway_busy()

    def release(self, address: str | None) -> None:
        """A connection is gone."""
        self._open -= 1
        if address is None:
            return
        count = self._by_address.get(address, 0) - 1
        if count > 0:
            self._by_address[address] = count
        else:
            self._by_address.pop(address, None)

    def reserve_body(self, size: int) -> bool:
        """Reserve memory for body bytes; the caller frees them even when the answer is False."""
        self.body_bytes_left -= size
        return self.body_bytes_left >= 0

    def free_body(self, size: int) -> None:
        self.body_bytes_left += size
