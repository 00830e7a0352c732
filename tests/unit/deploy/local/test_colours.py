"""One person, one colour."""

from __future__ import annotations

from deploy.local.colours import PALETTE, Identities, colour_of, shaded
from tests.unit.deploy.local.shots import person_at, standing_m


def at(right_m: float, person_id: int | None = None):
    return person_at(standing_m(right_m, 1.0, 4.0), person_id)


def test_people_keep_their_number_when_they_move_and_change_places_in_the_message():
    identities = Identities()
    a, b = identities.of([at(-1.0), at(1.0)], [None, None])
    assert a != b
    for step in range(1, 10):
        right, left = at(1.0 - step / 10), at(-1.0 - step / 10)
        assert identities.of([right, left], [None, None]) == [b, a]


def test_whoever_comes_anew_gets_a_new_number_and_whoever_was_hidden_for_a_moment_the_old_one():
    identities = Identities()
    (a,) = identities.of([at(0.0)], [None])
    assert identities.of([], []) == []
    stranger, again = identities.of([at(3.0), at(0.1)], [None, None])
    assert again == a
    assert stranger != a


def test_what_is_known_counts_more_than_what_is_near():
    identities = Identities()
    assert identities.of([at(0.0), at(1.0)], [5, 7]) == [5, 7]
    assert identities.of([at(0.0), at(1.0)], [7, 5]) == [7, 5]
    numbers = identities.of([at(0.0), at(0.1), at(2.5)], [7, None, None])
    assert numbers[0] == 7
    assert len(set(numbers)) == 3


def test_colours_differ_and_repeat_only_after_all_were_used():
    assert len({colour_of(number) for number in range(len(PALETTE))}) == len(PALETTE)
    assert colour_of(len(PALETTE)) == colour_of(0)
    assert shaded((200, 100, 50), 0.5) == (100, 50, 25)
