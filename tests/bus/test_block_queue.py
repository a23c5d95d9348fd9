"""The bounded queue of blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyconchat.bus.block_queue import BlockQueue, Told


def test_order() -> None:
    """What was put first is taken first; what was put back is taken before all else."""
    queue = BlockQueue()
    assert [queue.put((f"c/{number}", b"x")) for number in range(4)] == [True, False, False, False]
    taken = queue.take(2, 100)
    assert taken == [("c/0", b"x"), ("c/1", b"x")]
    queue.put_back(taken)
    assert [topic for topic, _ in queue.take(9, 100)] == ["c/0", "c/1", "c/2", "c/3"]
    assert queue.put(("c/5", b""))


def test_a_part_of_the_size() -> None:
    """As many are taken as have the size together; a larger one is taken alone."""
    queue = BlockQueue()
    for size in (3, 3, 3, 9, 1):
        queue.put(("c/1", b"x" * size))
    assert [[len(block) for _, block in queue.take(9, 6)] for _ in range(4)] == [
        [3, 3],
        [3],
        [9],
        [1],
    ]
    assert queue.take(9, 6) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "take", "put back"]), st.integers(0, 9), st.integers(1, 5)
        )
    )
)
def test_the_bounds(steps: list[tuple[str, int, int]]) -> None:
    """There are never more; the oldest are dropped and counted, and the order stays."""
    queue = BlockQueue(most=4, size=20)
    put: list[Told] = []
    taken: list[Told] = []
    for step, size, most in steps:
        waiting, dropped = len(queue), queue.dropped
        if step == "put":
            put.append((f"c/{len(put)}", b"x" * size))
            queue.put(put[-1])
        elif step == "take" or not taken:
            taken += queue.take(most, 15)
        else:
            queue.put_back(taken[-1:])
            del taken[-1]
        if waiting < 2:  # two blocks are within both bounds
            assert queue.dropped == dropped
    rest = queue.take(99, 999)
    assert len(rest) <= 4
    assert sum(len(block) for _, block in rest) <= 20
    assert len(put) == len(taken) + len(rest) + queue.dropped
    order = [put.index(told) for told in rest]
    assert order == sorted(order)
    if put and put[-1] not in taken:
        assert rest[-1:] == put[-1:]  # the newest is never dropped
