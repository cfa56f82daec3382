"""BBR congestion control (version 1) in packets and seconds.

Theory of operation
    BBR models the path by two numbers: the largest delivery rate of the last ten round trips and the smallest round
    trip time of the last ten seconds. Their product is what the path holds; the window is a multiple of it and packets
    are paced at a multiple of the rate. Loss alone does not shrink the model, so a lossy path stays fast.

    ``STARTUP`` doubles the rate every round until three rounds without 25 % growth, ``DRAIN`` empties the queue that
    left behind, ``PROBE_BW`` cycles around the estimate (1.25, 0.75, then six times 1.0), and ``PROBE_RTT`` sends
    almost nothing for 200 ms when the smallest round trip time is ten seconds old.

    In the first round of a loss episode packets are conserved (one out for one that arrived); afterwards the window
    from before is restored. Acks that come in clumps, as every busy program makes them, are allowed for by the largest
    excess of the last rounds, at most 100 ms worth.

Protocol reference: 01-udx section 8, "Congestion control and pacing" (constants); draft-cardwell-iccrg-bbr-00.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from engine.proto.udx.congestion import INITIAL_WINDOW, MAX_WINDOW, MIN_WINDOW, RateSample

HIGH_GAIN = 2.88539
WINDOW_GAIN = 2.0
CYCLE = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
CYCLE_START = 4
PACING_MARGIN = 0.99
BANDWIDTH_ROUNDS = 10
MIN_RTT_WINDOW_S = 10.0
PROBE_RTT_S = 0.2
FULL_GROWTH = 1.25
FULL_ROUNDS = 3
EXTRA_ROUNDS = 5
MAX_EXTRA_S = 0.1

RTT_FLOOR_S = 0.004
"""Shorter round trips do not count: on a fast path the time that both programs take is most of the real one."""

BURST_ALLOWANCE = 6
"""Packets added to the window for what sender and receiver handle at a time."""


class Mode(Enum):
    """State of the model."""

    STARTUP = "startup"
    DRAIN = "drain"
    PROBE_BW = "probe bandwidth"
    PROBE_RTT = "probe round trip time"


class Bbr:
    """Window and pacing rate from a model of the path."""

    def __init__(self) -> None:
        self.window = INITIAL_WINDOW
        self.pacing_rate: float | None = None
        self.mode = Mode.STARTUP
        self._pacing_gain = HIGH_GAIN
        self._window_gain = HIGH_GAIN
        self._rounds = 0
        self._round_end = 0
        self._rates: deque[tuple[int, float]] = deque()
        self._min_rtt_s = 0.0
        self._min_rtt_at: float | None = None
        self._full_rate = 0.0
        self._full_rounds = 0
        self._full = False
        self._cycle = 0
        self._cycle_at = 0.0
        self._probe_rtt_done_at: float | None = None
        self._probe_rtt_round_done = False
        self._saved_window = 0
        self._conserving = False
        self._recovering = False
        self._restarted = False
        self._extra = [0, 0]
        self._extra_index = 0
        self._extra_round = 0
        self._epoch_at = 0.0
        self._epoch_acked = 0

    @property
    def rate(self) -> float:
        """Estimated bandwidth in packets per second."""
        return self._rates[0][1] if self._rates else 0.0

    @property
    def min_rtt_s(self) -> float:
        """Estimated round trip time of the empty path."""
        return self._min_rtt_s

    def on_ack(self, sample: RateSample) -> None:
        """Update the model, then window and rate."""
        round_start = self._count_round(sample)
        self._update_rate(sample)
        self._update_extra(sample, round_start)
        self._update_cycle(sample)
        self._check_full(sample, round_start)
        self._check_drain(sample)
        self._update_min_rtt(sample, round_start)
        self._set_window(sample, round_start)
        rate = self.rate
        if rate:
            wanted = self._pacing_gain * rate * PACING_MARGIN
            if self._full or self.pacing_rate is None or wanted > self.pacing_rate:
                self.pacing_rate = wanted

    def on_restart(self, now: float) -> None:
        """An idle path needs no probing for its round trip time: the next ack measures it."""
        self._restarted = True
        self._epoch_at = now
        self._epoch_acked = 0

    def on_recovery(self, now: float, in_flight: int) -> None:
        """Conserve packets for one round."""
        self._save_window()
        self._recovering = True
        self._conserving = True
        self._round_end = -1
        self.window = max(MIN_WINDOW, in_flight + 1)

    def on_timeout(self, now: float, in_flight: int) -> None:
        """Begin again from the smallest window; the model stays."""
        self._save_window()
        self._recovering = True
        self._conserving = False
        self._full_rate = 0.0
        self.window = max(MIN_WINDOW, in_flight + 1)

    def on_recovered(self, now: float) -> None:
        """Restore the window from before the episode."""
        self._recovering = False
        self._conserving = False
        self.window = max(self.window, self._saved_window)

    def _save_window(self) -> None:
        if not self._recovering and self.mode is not Mode.PROBE_RTT:
            self._saved_window = self.window
        else:
            self._saved_window = max(self._saved_window, self.window)

    def _count_round(self, sample: RateSample) -> bool:
        if self._round_end == -1:
            self._round_end = sample.total_delivered
            return False
        if sample.prior_delivered < self._round_end:
            return False
        self._round_end = sample.total_delivered
        self._rounds += 1
        self._conserving = False
        return True

    def _update_rate(self, sample: RateSample) -> None:
        if sample.interval_s <= 0:
            return
        rate = (sample.total_delivered - sample.prior_delivered) / max(sample.interval_s, 1e-6)
        if sample.app_limited and rate < self.rate:
            return
        rates = self._rates
        while rates and rates[-1][1] <= rate:
            rates.pop()
        rates.append((self._rounds, rate))
        while rates[0][0] < self._rounds - BANDWIDTH_ROUNDS:
            rates.popleft()

    def _update_extra(self, sample: RateSample, round_start: bool) -> None:
        if round_start:
            self._extra_round += 1
            if self._extra_round >= EXTRA_ROUNDS:
                self._extra_round = 0
                self._extra_index ^= 1
                self._extra[self._extra_index] = 0
        expected = self.rate * (sample.now - self._epoch_at)
        if self._epoch_acked <= expected:
            self._epoch_acked = 0
            self._epoch_at = sample.now
            expected = 0.0
        self._epoch_acked += sample.delivered
        extra = min(self._epoch_acked - int(expected), self.window)
        if extra > self._extra[self._extra_index]:
            self._extra[self._extra_index] = extra

    def _update_cycle(self, sample: RateSample) -> None:
        if self.mode is not Mode.PROBE_BW:
            return
        elapsed = sample.now - self._cycle_at > max(self._min_rtt_s, RTT_FLOOR_S)
        if self._pacing_gain > 1.0:
            prior = sample.in_flight + sample.delivered + sample.lost
            advance = elapsed and (sample.lost > 0 or prior >= self._target(self._pacing_gain))
        elif self._pacing_gain < 1.0:
            advance = elapsed or sample.in_flight <= self._target(1.0)
        else:
            advance = elapsed
        if advance:
            self._cycle = (self._cycle + 1) % len(CYCLE)
            self._cycle_at = sample.now
            self._pacing_gain = CYCLE[self._cycle]

    def _check_full(self, sample: RateSample, round_start: bool) -> None:
        if self._full or not round_start or sample.app_limited:
            return
        if self.rate >= self._full_rate * FULL_GROWTH:
            self._full_rate = self.rate
            self._full_rounds = 0
            return
        self._full_rounds += 1
        self._full = self._full_rounds >= FULL_ROUNDS

    def _check_drain(self, sample: RateSample) -> None:
        if self.mode is Mode.STARTUP and self._full:
            self.mode = Mode.DRAIN
            self._pacing_gain = 1 / HIGH_GAIN
            self._window_gain = HIGH_GAIN
        if self.mode is Mode.DRAIN and sample.in_flight <= self._target(1.0):
            self._enter_probe_bw(sample.now)

    def _enter_probe_bw(self, now: float) -> None:
        self.mode = Mode.PROBE_BW
        self._cycle = CYCLE_START
        self._cycle_at = now
        self._pacing_gain = CYCLE[self._cycle]
        self._window_gain = WINDOW_GAIN

    def _update_min_rtt(self, sample: RateSample, round_start: bool) -> None:
        now = sample.now
        expired = self._min_rtt_at is not None and now > self._min_rtt_at + MIN_RTT_WINDOW_S
        if sample.rtt_s is not None and (self._min_rtt_at is None or sample.rtt_s <= self._min_rtt_s or expired):
            self._min_rtt_s = sample.rtt_s
            self._min_rtt_at = now
        if expired and not self._restarted and self.mode is not Mode.PROBE_RTT:
            self._save_window()
            self.mode = Mode.PROBE_RTT
            self._pacing_gain = 1.0
            self._window_gain = 1.0
            self._probe_rtt_done_at = None
        self._restarted = False
        if self.mode is Mode.PROBE_RTT:
            self._probe_rtt(sample, round_start)

    def _probe_rtt(self, sample: RateSample, round_start: bool) -> None:
        now = sample.now
        if self._probe_rtt_done_at is None:
            if sample.in_flight <= MIN_WINDOW:
                self._probe_rtt_done_at = now + PROBE_RTT_S
                self._probe_rtt_round_done = False
                self._round_end = sample.total_delivered
            return
        self._probe_rtt_round_done = self._probe_rtt_round_done or round_start
        if not self._probe_rtt_round_done or now < self._probe_rtt_done_at:
            return
        self._min_rtt_at = now
        self.window = max(self.window, self._saved_window)
        if self._full:
            self._enter_probe_bw(now)
        else:
            self.mode = Mode.STARTUP
            self._pacing_gain = self._window_gain = HIGH_GAIN

    def _target(self, gain: float) -> int:
        """Packets in flight that fill the path ``gain`` times."""
        if not self.rate or self._min_rtt_at is None:
            return INITIAL_WINDOW
        held = gain * self.rate * max(self._min_rtt_s, RTT_FLOOR_S)
        return int(held) + BURST_ALLOWANCE

    def _set_window(self, sample: RateSample, round_start: bool) -> None:
        window = self.window
        if sample.lost:
            window = max(window - sample.lost, 1)
        if self._conserving:
            window = max(window, sample.in_flight + sample.delivered)
        else:
            target = self._target(self._window_gain)
            if self._full:
                target += int(min(max(self._extra), self.rate * MAX_EXTRA_S))
                window = min(window + sample.delivered, target)
            elif window < target or sample.total_delivered < INITIAL_WINDOW:
                window += sample.delivered
        window = min(max(window, MIN_WINDOW), MAX_WINDOW)
        self.window = min(window, MIN_WINDOW) if self.mode is Mode.PROBE_RTT else window
