"""Many named channels over one message-oriented stream.

Theory of operation. A channel is named by (protocol, id). Each side gives its own channels numbers from 1; number 0 is
for control frames. A frame carries the number of its sender. A channel is open once both sides have sent an *open* for
the same name:

    created --open()--> opening --open of the peer--> open --close of either side--> closed
                           \\--reject of the peer------------------------------------> closed

An open nobody waits for is offered to the pair callback of its name and rejected if no channel was made of it; that is
the normal answer to an unknown protocol. Messages that arrive in between are queued. A local close keeps our number
reserved until the peer has answered our open, because that answer still uses it. While corked, all frames are collected
and leave as one batch.

What a peer may do wrong: send frames that end early, open number 0, skip numbers or reuse a live one, reject what was
not opened, open channels or queue messages without end, nest batches, or send payloads the channel's handlers refuse.
Each ends the connection with a reason (:attr:`Protomux.error`); nothing of it is raised out of
:meth:`Protomux.receive`. Late frames for closed channels, unknown control types and unknown message types are normal
and ignored.

Limits: :class:`~engine.proto.mux.state.MuxLimits`.

Protocol reference: 04-protomux.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from engine.errors import LocalProtocolError, RemoteProtocolError
from engine.proto.mux.channel import Channel, OnMessage, ignore
from engine.proto.mux.frames import (
    BATCH,
    CLOSE,
    CONTROL,
    OPEN,
    REJECT,
    BatchWriter,
    encode_close,
    encode_open,
    encode_reject,
)
from engine.proto.mux.state import QUEUED_OVERHEAD_BYTES, MuxLimits, NameState, NameTable, Pairing, RemoteChannel
from engine.wire.compact import Reader, encode_uint


class Protomux:
    """The multiplexer of one connection.

    Args:
        write: sends one frame; False means the stream is full and :meth:`on_drain` will be called.
        limits: bounds for what the peer can make us keep.
    """

    def __init__(self, write: Callable[[bytes], bool], *, limits: MuxLimits | None = None) -> None:
        self.on_error: Callable[[RemoteProtocolError], None] = ignore
        """Called once, when the peer violated the protocol; the owner then destroys the stream."""
        self.on_pause: Callable[[bool], None] = ignore
        """Called with True to stop reading the stream and with False to go on."""
        self.error: RemoteProtocolError | None = None
        """Why the peer was given up."""
        self.closed = False
        """True after a violation or :meth:`shutdown`."""
        self.drained = True
        """False while the stream is full."""
        self.paused = False
        """True while too much is queued for channels nobody has claimed."""
        self._write_frame = write
        self._limits = limits or MuxLimits()
        self._local: list[Channel | None] = []
        self._free: list[int] = []
        self._remote: list[RemoteChannel | None] = []
        self._names = NameTable()
        self._callbacks: dict[tuple[str, bytes], Callable[[bytes | None], None]] = {}
        self._corked = 0
        self._batch = BatchWriter()
        self._queued_bytes = 0
        self._pending_opens = 0
        self._handling = 0
        self._pairing: Pairing | None = None
        self._decided: list[NameState] = []

    def create_channel(
        self,
        protocol: str,
        id: bytes | None = None,
        *,
        aliases: Sequence[str] = (),
        messages: Sequence[OnMessage] = (),
        on_open: Callable[[bytes], None] = ignore,
        on_close: Callable[[bool], None] = ignore,
        on_drain: Callable[[], None] = ignore,
        unique: bool = True,
    ) -> Channel | None:
        """A channel to be opened, or None if the connection is closed or, by default, the name is in use.

        Args:
            protocol: name of the protocol, sent to the peer.
            id: tells channels of one protocol apart.
            aliases: other protocol names under which the peer may open this channel.
            messages: one handler for each message type, in order.
            on_open: takes the peer's handshake bytes once both sides have opened.
            on_close: takes True if the peer closed or rejected, or the connection ended.
            on_drain: the connection accepts more.
            unique: False allows several channels of one name.
        """
        state = self._names.get(protocol, id)
        if self.closed or (unique and state is not None and state.opened > 0):
            return None
        channel = Channel(self, protocol, id, aliases, messages, on_open, on_close, on_drain)
        if state is not None and state.incoming:
            self._pending_opens -= 1
            channel.remote_number = state.incoming.popleft()
            remote = self._remote[channel.remote_number - 1]
            assert remote is not None  # an incoming number stays pending until it is claimed or rejected
            remote.channel = channel
        return channel

    def open_channel(self, channel: Channel, handshake: bytes) -> None:
        """See :meth:`Channel.open`."""
        if self.closed or channel.closed:
            return
        if channel.number:
            raise LocalProtocolError(f"The channel {channel.protocol} is opened twice.")
        if self._free:
            channel.number = self._free.pop()
            self._local[channel.number - 1] = channel
        else:
            self._local.append(channel)
            channel.number = len(self._local)
        state = self._names.ensure(channel.protocol, channel.id, channel.aliases)
        state.opened += 1
        if not channel.remote_number:
            state.outgoing.append(channel.number)
        self._write_control(encode_open(channel.number, channel.protocol, channel.id, handshake))
        if channel.remote_number:
            self._guarded(lambda: self._complete(channel))

    def send(self, channel: Channel, type: int, payload: bytes) -> bool:
        """See :meth:`Channel.send`."""
        if not channel.number or self.closed:
            return False
        if self._corked:
            self._add_to_batch(channel.number, encode_uint(type) + payload)
            return True
        self.drained = self._write_frame(encode_uint(channel.number) + encode_uint(type) + payload)
        return self.drained

    def close_channel(self, channel: Channel) -> None:
        """See :meth:`Channel.close`."""
        if channel.closed:
            return
        number, remote_number = channel.number, channel.remote_number
        self._close(channel, remote=False)
        if number:
            self._write_control(encode_close(number))
        elif remote_number:
            self._write_control(encode_reject(remote_number))

    def pair(self, protocol: str, id: bytes | None, callback: Callable[[bytes | None], None]) -> None:
        """Call *callback* with the id when the peer opens *protocol* and no channel of ours waits for it.

        A callback for an exact id goes before the one for the protocol alone (id None). It creates and opens the
        channel, or does nothing, and the open is rejected.
        """
        self._callbacks[protocol, id or b""] = callback

    def unpair(self, protocol: str, id: bytes | None = None) -> None:
        """Forget a pair callback."""
        self._callbacks.pop((protocol, id or b""), None)

    def hold_pairing(self) -> Callable[[], None]:
        """Inside a pair callback: decide later. The open is rejected if no channel exists when the result is called.

        Raises:
            LocalProtocolError: called outside a pair callback.
        """
        pairing = self._pairing
        if pairing is None:
            raise LocalProtocolError("hold_pairing is for pair callbacks.")
        pairing.holds += 1
        pending = [pairing]

        def release() -> None:
            if pending and not self.closed:
                pending.clear()
                self._guarded(lambda: self._release_hold(pairing))

        return release

    def opened(self, protocol: str, id: bytes | None = None) -> bool:
        """True if a channel of this name is open or opening."""
        state = self._names.get(protocol, id)
        return state is not None and state.opened > 0

    @property
    def channels(self) -> list[Channel]:
        """Channels that are open or opening."""
        return [channel for channel in self._local if channel is not None]

    def cork(self) -> None:
        """Collect frames until the matching :meth:`uncork`; calls nest."""
        self._corked += 1

    def uncork(self) -> None:
        """Send what was collected, as one batch, if this is the last :meth:`uncork`."""
        self._corked -= 1
        if not self._corked:
            self._flush_batch()

    @contextmanager
    def corked(self) -> Iterator[None]:
        """Cork for the length of a ``with`` block."""
        self.cork()
        try:
            yield
        finally:
            self.uncork()

    def on_drain(self) -> None:
        """The stream accepts more."""
        self.drained = True
        for channel in self.channels:
            channel.on_drain()

    def shutdown(self) -> None:
        """The stream is gone: every channel closes."""
        self.closed = True
        for channel in self.channels:
            self._close(channel, remote=True)

    def receive(self, frame: bytes) -> None:
        """Handle one frame of the peer. An empty frame is ignored."""
        if frame and not self.closed:
            self._guarded(lambda: self._receive_frame(frame))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Run what handles input of the peer; the outermost call then rejects the opens nobody took."""
        self._handling += 1
        try:
            action()
            if self._handling == 1:
                self._reject_unclaimed()
        except RemoteProtocolError as error:
            self._fail(error)
        finally:
            self._handling -= 1
        if not self._handling:
            self._report_pause()

    def _fail(self, error: RemoteProtocolError) -> None:
        if self.error is None:
            self.closed = True
            self.error = error
            self.on_error(error)

    def _report_pause(self) -> None:
        paused = self._queued_bytes > self._limits.pause_bytes
        if paused != self.paused and not self.closed:
            self.paused = paused
            self.on_pause(paused)

    def _receive_frame(self, frame: bytes) -> None:
        reader = Reader(frame)
        self._dispatch(reader.uint(), reader, frame, len(frame), 0)

    def _dispatch(self, number: int, reader: Reader, frame: bytes, end: int, depth: int) -> None:
        kind = reader.uint()
        if number != CONTROL:
            self._on_message(number, kind, reader)
        elif kind == BATCH:
            self._on_batch(reader, frame, end, depth + 1)
        elif kind == OPEN:
            self._on_open(reader)
        elif kind == REJECT:
            self._on_reject(reader.uint())
        elif kind == CLOSE:
            self._on_close(reader.uint())

    def _on_batch(self, reader: Reader, frame: bytes, end: int, depth: int) -> None:
        if depth > self._limits.batch_depth:
            raise RemoteProtocolError("Batches are nested too deeply.")
        number = reader.uint()
        corked = False
        try:
            while reader.pos < end and not self.closed:
                size = reader.uint()
                if size == 0:
                    number = reader.uint()
                    continue
                item_end = min(reader.pos + size, end)
                if item_end != end and not corked:
                    corked = True  # several items: what they make us write leaves as a batch, too
                    self.cork()
                self._dispatch(number, Reader(frame, reader.pos, item_end), frame, item_end, depth)
                reader.pos = item_end
            if depth == 1:
                self._reject_unclaimed()
        finally:
            if corked:
                self.uncork()

    def _on_message(self, number: int, kind: int, reader: Reader) -> None:
        remote = self._remote[number - 1] if number <= len(self._remote) else None
        if remote is None:
            return
        if remote.queued is not None:
            payload = reader.raw()
            remote.queued.append((kind, payload))
            self._queued_bytes += len(payload) + QUEUED_OVERHEAD_BYTES
            if self._queued_bytes > self._limits.queued_bytes:
                raise RemoteProtocolError("The peer sends too much to channels that are not open.")
        elif remote.channel is not None and kind < len(remote.channel.messages):
            remote.channel.messages[kind](reader.raw())

    def _on_open(self, reader: Reader) -> None:
        number = reader.uint()
        protocol = reader.string()
        id = reader.optional_buffer()
        self._claim_remote_number(number)
        state = self._names.ensure(protocol, id)
        if not state.outgoing:
            self._remote[number - 1] = RemoteChannel(reader.raw(), queued=[])
            state.incoming.append(number)
            self._pending_opens += 1
            if self._pending_opens > self._limits.pending_opens:
                raise RemoteProtocolError(f"The peer has more than {self._limits.pending_opens} opens waiting.")
            self._offer(protocol, id, state)
            return
        own = state.outgoing.popleft()
        channel = self._local[own - 1]
        if channel is None:  # closed meanwhile; the peer learns it from our close
            self._free.append(own)
            self._names.collect(state)
            return
        self._remote[number - 1] = RemoteChannel(reader.raw(), channel)
        channel.remote_number = number
        self._complete(channel)

    def _claim_remote_number(self, number: int) -> None:
        """Check the number of an open; the peer may use free ones and the next one."""
        known = len(self._remote)
        if number == 0 or number > known + 1:
            raise RemoteProtocolError(f"Invalid open message: channel number {number} is not the next one.")
        if number > self._limits.channels:
            raise RemoteProtocolError(f"The peer opens more than {self._limits.channels} channels.")
        if number == known + 1:
            self._remote.append(None)
        elif self._remote[number - 1] is not None:
            raise RemoteProtocolError(f"Invalid open message: channel number {number} is in use.")

    def _offer(self, protocol: str, id: bytes | None, state: NameState) -> None:
        """Let the pair callback make a channel of an open."""
        callback = self._callbacks.get((protocol, id or b"")) or self._callbacks.get((protocol, b""))
        state.pairing += 1
        pairing = Pairing(state)
        if callback is not None:
            outer, self._pairing = self._pairing, pairing
            try:
                callback(id)
            finally:
                self._pairing = outer
        if not pairing.holds:
            self._decided.append(state)

    def _release_hold(self, pairing: Pairing) -> None:
        pairing.holds -= 1
        if not pairing.holds:
            self._decided.append(pairing.state)

    def _reject_unclaimed(self) -> None:
        decided, self._decided = self._decided, []
        for state in decided:
            state.pairing -= 1
            if state.pairing > 0:
                continue
            while state.incoming and not self.closed:
                number = state.incoming.popleft()
                self._pending_opens -= 1
                self._free_remote_number(number)
                self._write_control(encode_reject(number))
            self._names.collect(state)

    def _on_reject(self, own: int) -> None:
        state = self._names.waiting(own)
        if state is None:
            raise RemoteProtocolError(f"Invalid reject message: channel number {own} is not waiting.")
        state.outgoing.remove(own)
        self._free.append(own)
        channel = self._local[own - 1]
        if channel is not None:
            self._close(channel, remote=True)
        self._names.collect(state)

    def _on_close(self, number: int) -> None:
        remote = self._remote[number - 1] if 0 < number <= len(self._remote) else None
        if remote is not None and remote.channel is not None:
            self._close(remote.channel, remote=True)

    def _complete(self, channel: Channel) -> None:
        """Both opens are there: report it, then deliver what was queued meanwhile."""
        remote = self._remote[channel.remote_number - 1]
        assert remote is not None  # made by the open of the peer, and freed only with the channel
        channel.opened = True
        channel.on_open(remote.handshake)
        remote.handshake = b""
        for kind, payload in remote.queued or ():
            if channel.closed or self.closed:
                return
            if kind < len(channel.messages):
                channel.messages[kind](payload)
        if not channel.closed:
            self._queued_bytes -= remote.queued_bytes
            remote.queued = None

    def _close(self, channel: Channel, *, remote: bool) -> None:
        channel.closed = True
        number, remote_number = channel.number, channel.remote_number
        channel.number = channel.remote_number = 0
        if remote_number:
            self._free_remote_number(remote_number)
        if number:
            self._local[number - 1] = None
            if remote_number:
                self._free.append(number)
            state = self._names.ensure(channel.protocol, channel.id, channel.aliases)
            state.opened -= 1
            self._names.collect(state)
        channel.on_close(remote)

    def _free_remote_number(self, number: int) -> None:
        remote, self._remote[number - 1] = self._remote[number - 1], None
        if remote is not None:
            self._queued_bytes -= remote.queued_bytes

    def _write_control(self, item: bytes) -> None:
        if self.closed:
            return
        if self._corked:
            self._add_to_batch(CONTROL, item)
        else:
            self.drained = self._write_frame(b"\0" + item)

    def _add_to_batch(self, number: int, item: bytes) -> None:
        if self._batch.full(len(item)):
            self._flush_batch()
        self._batch.add(number, item)

    def _flush_batch(self) -> None:
        if not self._batch.empty and not self.closed:
            self.drained = self._write_frame(self._batch.take())
