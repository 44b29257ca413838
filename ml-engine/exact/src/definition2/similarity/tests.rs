use super::*;
use crate::definition2::{
	adapter::OwnedAdapter,
	architecture::Architecture,
	block::{part_file, PartView},
	golden::{Stream, ARCHITECTURES},
	model::{OwnedPart, OwnedTensor},
	tensors::Part,
};
use proptest::prelude::*;
use std::println;

const PART: Part = Part::Expert { layer: 0, expert: 0 };

/// Matrices of an adapter as lists of rows, `[rank, cols]` and `[rows, rank]`, with a shift.
#[derive(Clone)]
struct Plain {
	input: Vec<Vec<i64>>,
	output: Vec<Vec<i64>>,
	shift: u8,
}

impl Plain {
	fn random(stream: &mut Stream, rank: usize, [rows, cols]: [usize; 2], bound: i32) -> Self {
		let mut matrix = |rows: usize, cols: usize| -> Vec<Vec<i64>> {
			(0..rows).map(|_| (0..cols).map(|_| i64::from(stream.within(bound))).collect()).collect()
		};
		Self { input: matrix(rank, cols), output: matrix(rows, rank), shift: 2 }
	}

	/// The adapter with noise on every code.
	fn noisy(&self, stream: &mut Stream, bound: i32) -> Self {
		let mut noisy = self.clone();
		for code in noisy.input.iter_mut().chain(&mut noisy.output).flatten() {
			*code += i64::from(stream.within(bound));
		}
		noisy
	}

	fn owned(&self) -> OwnedAdapter {
		let code = |code: &i64| (*code).clamp(-128, 127) as i8;
		let input: Vec<i8> = self.input.iter().flatten().map(code).collect();
		let output: Vec<i8> = self.output.iter().flatten().map(code).collect();
		OwnedAdapter::new(self.input.len() as u8, &input, &output, self.shift).unwrap()
	}

	/// Reports whether every code has room in eight bits.
	fn fits(&self) -> bool {
		self.input.iter().chain(&self.output).flatten().all(|code| (-128..=127).contains(code))
	}

	/// Turns two of the inner rows by the angle of a triangle of sides 3, 4 and 5, and rounds.
	fn turned(&mut self, one: usize, other: usize) {
		let round = |value: i64| (2 * value + 5).div_euclid(10);
		let (a, b) = (self.input[one].clone(), self.input[other].clone());
		for (col, (a, b)) in a.iter().zip(&b).enumerate() {
			self.input[one][col] = round(3 * a + 4 * b);
			self.input[other][col] = round(3 * b - 4 * a);
		}
		for row in &mut self.output {
			let (a, b) = (row[one], row[other]);
			(row[one], row[other]) = (round(3 * a + 4 * b), round(3 * b - 4 * a));
		}
	}

	/// Adds one inner row to another, and takes the columns apart again: the product is the same.
	fn sheared(&mut self, one: usize, other: usize) {
		for col in 0..self.input[one].len() {
			self.input[one][col] += self.input[other][col];
		}
		for row in &mut self.output {
			row[other] -= row[one];
		}
	}

	/// Swaps two inner rows, one of them with its sign turned on both sides.
	fn swapped(&mut self, one: usize, other: usize) {
		self.input.swap(one, other);
		self.input[one].iter_mut().for_each(|code| *code = -*code);
		for row in &mut self.output {
			row.swap(one, other);
			row[one] = -row[one];
		}
	}
}

fn overlap(original: &Plain, parent: &Plain, copy: &Plain) -> Overlap {
	let (original, parent, copy) = (original.owned(), parent.owned(), copy.owned());
	Overlap::of(&original.view(), &parent.view(), &parent.view(), &copy.view()).unwrap()
}

/// The sums over the entries of the products, one by one.
fn entry_by_entry(original: &Plain, parent: &Plain, copy: &Plain) -> Overlap {
	let (original, parent, copy) = (original.owned(), parent.owned(), copy.owned());
	let mut sum = Overlap::default();
	for row in 0..parent.output().rows {
		let before = parent.view().product(row);
		let products = original.view().product(row).into_iter().zip(copy.view().product(row));
		for ((own, other), before) in products.zip(before) {
			let (a, b) = (i128::from(own - before), i128::from(other - before));
			sum.original += (a * a) as u128;
			sum.copy += (b * b) as u128;
			sum.common += a * b;
			sum.parent += u128::from(before.unsigned_abs()).pow(2);
			sum.copy_parent = sum.parent;
		}
	}
	sum
}

proptest! {
	#[test]
	fn sums_are_those_over_the_entries_of_the_products(
		seed in any::<[u8; 32]>(), rank in 1_usize..6, rows in 1_usize..12, cols in 1_usize..12,
	) {
		let mut stream = Stream::new(&seed);
		let mut draw = || Plain::random(&mut stream, rank, [rows, cols], 127);
		let (original, parent, copy) = (draw(), draw(), draw());
		let found = overlap(&original, &parent, &copy);
		prop_assert_eq!(found, entry_by_entry(&original, &parent, &copy));
		prop_assert!((-1_000..=1_000).contains(&found.likeness_milli()));
		let itself = overlap(&original, &parent, &original);
		prop_assert!(itself.is_copy() == itself.is_enough());
	}

	#[test]
	fn order_signs_and_shears_of_the_inner_rows_change_no_sum(seed in any::<[u8; 32]>()) {
		let mut stream = Stream::new(&seed);
		let mut draw = || Plain::random(&mut stream, 4, [9, 7], 20);
		let (original, parent) = (draw(), draw());
		let mut copy = original.clone();
		copy.swapped(0, 3);
		copy.sheared(1, 2);
		copy.sheared(3, 0);
		let found = overlap(&original, &parent, &copy);
		prop_assert_eq!(found.original, found.copy);
		prop_assert_eq!(found.common.unsigned_abs(), found.original);
	}
}

#[test]
fn adapters_at_the_extremes_do_not_overflow() {
	let (rank, cols, rows) = (64, 256, 256);
	let most = OwnedAdapter::new(rank, &vec![-128; 64 * cols], &vec![-128; 64 * rows], 12).unwrap();
	let least = OwnedAdapter::new(rank, &vec![127; 64 * cols], &vec![-128; 64 * rows], 12).unwrap();
	let found = Overlap::of(&most.view(), &least.view(), &least.view(), &most.view()).unwrap();
	assert_eq!(found.original, found.copy);
	assert!(found.is_copy() && found.likeness_milli() == 1_000);
	// Dimensions of 2^16: products of 2^14 over both, squared over the ranks, with both shifts.
	let bound =
		Overlap { original: 1 << 98, copy: 1, common: 1 << 49, parent: 1 << 98, copy_parent: 1 << 10 };
	assert!(bound.is_copy());
	assert!(!Overlap { common: 1 << 48, ..bound }.is_copy());
	assert!(!Overlap { common: -(1 << 49), ..bound }.is_copy());
	assert_eq!(Overlap { common: -(1 << 49), ..bound }.likeness_milli(), -1_000);
	assert_eq!(Overlap::default().likeness_milli(), 0);
}

#[test]
fn changes_that_are_only_those_of_rounding_tell_nothing() {
	let parent = Plain::random(&mut Stream::new(b"rounded"), 4, [64, 48], 100);
	let rounded = parent.noisy(&mut Stream::new(b"noise"), 1);
	let found = overlap(&rounded, &parent, &rounded);
	assert!(!found.is_enough() && !found.is_copy(), "{found:?}");
}

/// A projection that is not trained differs from its parent only by being written again, which a squatter can do as well.
#[test]
fn attack_submit_the_rounding_of_a_parent_made_larger_to_report_those_that_did_not_train_it() {
	let parent = Plain::random(&mut Stream::new(b"rounded"), 4, [64, 48], 100);
	let rounded = parent.noisy(&mut Stream::new(b"noise"), 1);
	let mut larger = parent.clone();
	let codes = larger.input.iter_mut().chain(&mut larger.output).flatten();
	for (code, rounded) in codes.zip(rounded.input.iter().chain(&rounded.output).flatten()) {
		*code += 4 * (rounded - *code);
	}
	let found = overlap(&larger, &parent, &rounded);
	assert!(found.likeness_milli() >= 995 && PARENT_PARTS * found.original >= found.parent, "{found:?}");
	assert!(!found.is_enough() && !found.is_copy(), "{found:?}");
	assert!(overlap(&larger, &parent, &larger).is_copy());
}

/// Disguises that leave the function as it is, or nearly: none keeps the reward.
fn disguised(original: &Plain, kind: usize, stream: &mut Stream) -> Plain {
	let mut copy = original.clone();
	let rank = copy.input.len();
	let mut pair = || {
		let one = stream.below(rank);
		(one, (one + 1 + stream.below(rank - 1)) % rank)
	};
	match kind {
		// A code changed.
		0 => copy.input[0][0] += if copy.input[0][0] > 0 { -1 } else { 1 },
		// Inner rows in another order and with other signs.
		1 => (0..8).map(|_| pair()).for_each(|(one, other)| copy.swapped(one, other)),
		// The two matrices mixed exactly. Codes that do not fit would be cut off, and the copy would do something else.
		2 => (0..2).map(|_| pair()).for_each(|(one, other)| {
			let mut mixed = copy.clone();
			mixed.sheared(one, other);
			if mixed.fits() {
				copy = mixed;
			}
		}),
		// Mixed by rotations, whose results are rounded.
		3 => (0..2).map(|_| pair()).for_each(|(one, other)| copy.turned(one, other)),
		// All rows twice as large, and the shift one less.
		4 => {
			copy.output.iter_mut().flatten().for_each(|code| *code *= 2);
			copy.shift -= 1;
		}
		// Every row scaled by itself, up to a thirty-second.
		5 => {
			for row in &mut copy.output {
				let parts = 32 + i64::from(stream.within(1));
				row.iter_mut().for_each(|code| *code = *code * parts / 32);
			}
		}
		// Noise on every code.
		6 => copy = copy.noisy(stream, 1),
		// The inner row that the original does not use filled with noise.
		_ => {
			for row in &mut copy.output {
				row[rank - 1] += i64::from(stream.within(2));
			}
		}
	}
	copy
}

#[test]
fn attack_disguise_a_thousand_copies_without_giving_up_what_they_do() {
	let mut paid = 0;
	let mut least = 1_000;
	for number in 0..1_000_usize {
		let mut stream = Stream::new(&number.to_le_bytes());
		let parent = Plain::random(&mut stream, 8, [48, 32], 40);
		let mut original = parent.noisy(&mut stream, 20);
		// Its last inner row is not used.
		original.output.iter_mut().for_each(|row| row[7] = 0);
		let copy = disguised(&original, number % 8, &mut stream);
		let found = overlap(&original, &parent, &copy);
		assert!(found.is_enough());
		least = least.min(found.likeness_milli());
		paid += usize::from(!found.is_copy());
	}
	println!("{paid} of 1,000 disguised copies are paid; the least likeness is {least}/1000");
	assert_eq!(paid, 0);
}

/// Disguises beyond the measure: noise that costs the copier's own gain, too.
#[test]
fn noise_as_large_as_two_fifths_of_the_changes_is_no_copy_any_more() {
	let mut stream = Stream::new(b"noise");
	let parent = Plain::random(&mut stream, 8, [48, 32], 40);
	let original = parent.noisy(&mut stream, 20);
	let copy = original.noisy(&mut stream, 8);
	let found = overlap(&original, &parent, &copy);
	assert!(!found.is_copy(), "{found:?}");
}

/// Two miners that share four fifths of the changes, as gradients of one text would have it, are not copies.
#[test]
fn attack_report_honest_experts_that_went_the_same_way() {
	let mut refused = 0;
	let mut most = 0;
	for number in 0..1_000_usize {
		let mut stream = Stream::new(&[b"honest".as_slice(), &number.to_le_bytes()].concat());
		let parent = Plain::random(&mut stream, 8, [48, 32], 40);
		let gradient = parent.noisy(&mut stream, 20);
		let (first, second) = (gradient.noisy(&mut stream, 8), gradient.noisy(&mut stream, 8));
		let found = overlap(&first, &parent, &second);
		most = most.max(found.likeness_milli());
		refused += usize::from(found.is_copy());
	}
	println!("{refused} of 1,000 honest pairs would be refused; the greatest likeness is {most}/1000");
	assert_eq!(refused, 0);
	assert!(most > 500, "{most}: the pairs have much in common");
}

fn architecture() -> Architecture {
	let (_, architecture) = ARCHITECTURES.into_iter().find(|(name, _)| *name == "adapters").unwrap();
	architecture()
}

fn part(seed: &[u8]) -> OwnedPart {
	Stream::new(seed).part(&architecture(), PART)
}

#[test]
fn adapters_are_read_from_tiles_that_lead_to_the_root_and_from_no_others() {
	let (architecture, part) = (architecture(), part(b"shown"));
	let file = part_file(&architecture, PART, &part.view()).unwrap();
	let layout = Layout::of(&architecture, PART).unwrap();
	let root = layout.check(&file).unwrap();
	let (leaves, view) = (layout.leaves(&file).unwrap(), PartView::new(&layout, &file).unwrap());
	for projection in [Name::Gate, Name::Up, Name::Down] {
		let place = bytes_of(&layout, &tiles_of(&layout, projection).unwrap());
		let bytes = &file[place.start as usize..place.end as usize];
		let shown = Shown { scales: layout.scales(&file), leaves: &leaves, bytes };
		let (first, second) = projection.adapter().unwrap();
		let expected = Adapter::new(view.codes(first).unwrap(), view.codes(second).unwrap());
		assert_eq!(open(&layout, projection, &shown, &root), expected);
		assert!(expected.is_some());

		let mut damaged = bytes.to_vec();
		damaged[0] ^= 1;
		let other = Shown { bytes: &damaged, ..shown };
		assert_eq!(open(&layout, projection, &other, &root), None);
		let short = Shown { bytes: &bytes[1..], ..shown };
		assert_eq!(open(&layout, projection, &short, &root), None);
		let mut scales = shown.scales.to_vec();
		scales[8] ^= 1;
		let scaled = Shown { scales: &scales, ..shown };
		assert_eq!(open(&layout, projection, &scaled, &root), None);
		let none = Shown { leaves: &[], ..shown };
		assert_eq!(open(&layout, projection, &none, &root), None);
		assert_eq!(open(&layout, projection, &shown, &[0; 32]), None);
	}
	assert_eq!(tiles_of(&layout, Name::Router), None);
	assert!(part.0.iter().all(|(_, tensor)| matches!(tensor, OwnedTensor::Codes(_))));
	let wide = Layout::of(&crate::definition2::golden::wide(), PART).unwrap();
	assert_eq!(tiles_of(&wide, Name::Gate), None, "too many tiles for a report");
}
