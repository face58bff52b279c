use super::*;
use crate::report::compare::Accuracy;
use crate::report::compare::report::tests::run;
use Standing::{Beyond, Open, Unknown, Within};

fn candidates(given: &[(Option<f64>, &[Standing])]) -> Vec<Candidate> {
    let made = |(run, &(billions, standings)): (usize, &(Option<f64>, &[Standing]))| Candidate {
        run,
        billions,
        standings: standings.to_vec(),
    };
    given.iter().enumerate().map(made).collect()
}

#[test]
fn the_smallest_that_is_not_surely_worse_is_chosen() {
    let (small, middle, large) = (Some(7.0), Some(14.0), Some(32.0));
    let undecided = Choice::Undecided;
    for (given, expected) in [
        (&[(small, &[Within][..]), (large, &[Within])][..], Choice::Runs(vec![0])),
        (&[(small, &[Open]), (large, &[Within])], Choice::Runs(vec![0])),
        (&[(small, &[Beyond]), (middle, &[Open]), (large, &[Within])], Choice::Runs(vec![1])),
        (&[(small, &[Within]), (small, &[Open]), (large, &[Within])], Choice::Runs(vec![0, 1])),
        // Where one alone is left its size does not matter.
        (&[(None, &[Within]), (large, &[Beyond])], Choice::Runs(vec![0])),
        (&[(None, &[Within]), (large, &[Open])], undecided(Missing::Sizes(vec![0, 1]))),
        (&[(small, &[Within, Beyond]), (large, &[Beyond, Within])], undecided(Missing::Best)),
        (&[(small, &[Within]), (large, &[Unknown])], undecided(Missing::Requests(vec![1]))),
        (&[(small, &[Within])], undecided(Missing::Models)),
        (&[], undecided(Missing::Models)),
    ] {
        assert_eq!(choice(Purpose::Interactive, &candidates(given), &[]), expected, "{given:?}");
    }
}

#[test]
fn the_largest_that_surely_keeps_the_bounds_is_chosen_and_a_less_accurate_one_is_not() {
    let (small, middle, large) = (Some(7.0), Some(14.0), Some(32.0));
    let three: &[(Option<f64>, &[Standing])] = &[(small, &[Within]), (middle, &[Within]), (large, &[Within])];
    let crossing: &[(Option<f64>, &[Standing])] =
        &[(small, &[Within]), (middle, &[Within]), (large, &[Open])];
    let right = |hits| Rate { hits, of: 100 };
    for (given, rights, expected, larger) in [
        (three, &[][..], Choice::Runs(vec![2]), &[][..]),
        (crossing, &[], Choice::Runs(vec![1]), &[2]),
        (&[(small, &[Within]), (large, &[Beyond])], &[], Choice::Runs(vec![0]), &[]),
        (&[(small, &[Open]), (large, &[Beyond])], &[], Choice::Undecided(Missing::Bounds(vec![0])), &[]),
        // Whether another is larger than one of unknown size is not known.
        (&[(None, &[Within]), (large, &[Open])], &[], Choice::Runs(vec![0]), &[]),
        (three, &[(0, right(90)), (1, right(95)), (2, right(94))], Choice::Runs(vec![2]), &[]),
        (three, &[(0, right(90)), (1, right(95)), (2, right(60))], Choice::Runs(vec![1]), &[]),
    ] {
        let candidates = candidates(given);
        let choice = choice(Purpose::HighQuality, &candidates, rights);
        assert_eq!(choice, expected, "{given:?} {rights:?}");
        assert_eq!(larger_open(Purpose::HighQuality, &candidates, &choice), larger, "{given:?}");
    }
}

#[test]
fn runs_are_chosen_by_their_numbers() {
    // First tokens after some 40, 60 and 200 ms, the gaps in proportion.
    let mut runs = [run("a:7b", 20), run("a:14b", 30), run("a:32b", 400)];
    let chosen = |runs: &[ComparedRun], purpose| Pick::of(runs, &Ground::of(runs), purpose);
    for (purpose, expected) in
        [(Purpose::Interactive, 0), (Purpose::Batch, 0), (Purpose::Balanced, 1), (Purpose::HighQuality, 1)]
    {
        let pick = chosen(&runs, purpose);
        assert_eq!(pick.choice, Choice::Runs(vec![expected]), "{pick:?}");
        assert_eq!(pick.check, None);
    }
    for (at, hits) in [(0, 99), (1, 50)] {
        let right = Rate { hits, of: 100 };
        runs[at].facts.accuracy = vec![Accuracy { check: "number".to_owned(), right }];
    }
    let pick = chosen(&runs, Purpose::HighQuality);
    assert_eq!(
        (pick.choice, pick.check.as_deref()),
        (Choice::Runs(vec![0]), Some("number")),
        "of those within"
    );
    assert_eq!(chosen(&runs, Purpose::Balanced).choice, Choice::Runs(vec![1]), "it is about speed alone");
}
