//! Rotary position embedding from a committed quarter wave.

use super::linear::HEAD_MAX;
use crate::number::shift_round;

/// Fraction bits of sines and cosines.
const WAVE_BITS: u32 = 15;
/// A quarter turn, a turn being 2^64.
const QUARTER: u64 = 1 << 62;

/// Returns the angle of a pair at a position: a turn is 2^64, and whole turns are dropped.
pub fn angle(position: u32, frequency: u64) -> u64 {
	u64::from(position).wrapping_mul(frequency)
}

/// Returns sine and cosine of an angle in Q15, both within 2^15. Error below 2.1e-5.
pub fn sine_cosine(angle: u64) -> (i32, i32) {
	(sine(angle), sine(angle.wrapping_add(QUARTER)))
}

fn sine(angle: u64) -> i32 {
	let half = angle & (2 * QUARTER - 1);
	let quarter = if half > QUARTER { 2 * QUARTER - half } else { half };
	let index = (quarter >> 54) as usize;
	let fraction = ((quarter >> 38) & 0xffff) as i64;
	let (here, next) = (i64::from(SINE_Q30[index]), i64::from(SINE_Q30[(index + 1).min(256)]));
	// A step is below 2^23: 2^39 before the shift.
	let wave = shift_round(here + shift_round((next - here) * fraction, 16), WAVE_BITS) as i32;
	if angle >> 63 == 1 {
		-wave
	} else {
		wave
	}
}

/// Turns the pairs (2i, 2i + 1) of one head by the angles of a position, clamped to [`HEAD_MAX`].
///
/// Bound: |head| <= 2^26, so a sum is at most 2 * 2^26 * 2^15.
pub fn rotate(head: &mut [i32], frequencies: &[u64], position: u32) {
	for (pair, &frequency) in head.chunks_exact_mut(2).zip(frequencies) {
		let (sin, cos) = sine_cosine(angle(position, frequency));
		let (x, y) = (i64::from(pair[0]), i64::from(pair[1]));
		let (sin, cos) = (i64::from(sin), i64::from(cos));
		let bound = i64::from(HEAD_MAX);
		pair[0] = shift_round(x * cos - y * sin, WAVE_BITS).clamp(-bound, bound) as i32;
		pair[1] = shift_round(x * sin + y * cos, WAVE_BITS).clamp(-bound, bound) as i32;
	}
}

/// sin(i/256 of a quarter turn) in Q30. Committed, because the sine of libm differs between machines.
pub const SINE_Q30: [i32; 257] = [
	0,
	6_588_356,
	13_176_464,
	19_764_076,
	26_350_943,
	32_936_819,
	39_521_455,
	46_104_602,
	52_686_014,
	59_265_442,
	65_842_639,
	72_417_357,
	78_989_349,
	85_558_366,
	92_124_163,
	98_686_491,
	105_245_103,
	111_799_753,
	118_350_194,
	124_896_179,
	131_437_462,
	137_973_796,
	144_504_935,
	151_030_634,
	157_550_647,
	164_064_728,
	170_572_633,
	177_074_115,
	183_568_930,
	190_056_834,
	196_537_583,
	203_010_932,
	209_476_638,
	215_934_457,
	222_384_147,
	228_825_464,
	235_258_165,
	241_682_010,
	248_096_755,
	254_502_159,
	260_897_982,
	267_283_981,
	273_659_918,
	280_025_552,
	286_380_643,
	292_724_951,
	299_058_239,
	305_380_268,
	311_690_799,
	317_989_595,
	324_276_419,
	330_551_034,
	336_813_204,
	343_062_693,
	349_299_266,
	355_522_689,
	361_732_726,
	367_929_144,
	374_111_709,
	380_280_190,
	386_434_353,
	392_573_967,
	398_698_801,
	404_808_624,
	410_903_207,
	416_982_319,
	423_045_732,
	429_093_217,
	435_124_548,
	441_139_496,
	447_137_835,
	453_119_340,
	459_083_786,
	465_030_947,
	470_960_600,
	476_872_522,
	482_766_489,
	488_642_281,
	494_499_676,
	500_338_453,
	506_158_392,
	511_959_275,
	517_740_883,
	523_502_998,
	529_245_404,
	534_967_884,
	540_670_223,
	546_352_205,
	552_013_618,
	557_654_248,
	563_273_883,
	568_872_310,
	574_449_320,
	580_004_702,
	585_538_248,
	591_049_748,
	596_538_995,
	602_005_783,
	607_449_906,
	612_871_159,
	618_269_338,
	623_644_239,
	628_995_660,
	634_323_400,
	639_627_258,
	644_907_034,
	650_162_530,
	655_393_548,
	660_599_890,
	665_781_362,
	670_937_767,
	676_068_911,
	681_174_602,
	686_254_647,
	691_308_855,
	696_337_036,
	701_339_000,
	706_314_559,
	711_263_525,
	716_185_713,
	721_080_937,
	725_949_013,
	730_789_757,
	735_602_987,
	740_388_522,
	745_146_182,
	749_875_788,
	754_577_161,
	759_250_125,
	763_894_504,
	768_510_122,
	773_096_806,
	777_654_384,
	782_182_683,
	786_681_534,
	791_150_767,
	795_590_213,
	799_999_706,
	804_379_079,
	808_728_167,
	813_046_808,
	817_334_838,
	821_592_095,
	825_818_421,
	830_013_654,
	834_177_638,
	838_310_216,
	842_411_232,
	846_480_531,
	850_517_961,
	854_523_370,
	858_496_606,
	862_437_520,
	866_345_964,
	870_221_790,
	874_064_853,
	877_875_009,
	881_652_112,
	885_396_022,
	889_106_597,
	892_783_698,
	896_427_186,
	900_036_924,
	903_612_776,
	907_154_608,
	910_662_286,
	914_135_678,
	917_574_653,
	920_979_082,
	924_348_837,
	927_683_790,
	930_983_817,
	934_248_793,
	937_478_595,
	940_673_101,
	943_832_191,
	946_955_747,
	950_043_650,
	953_095_785,
	956_112_036,
	959_092_290,
	962_036_435,
	964_944_360,
	967_815_955,
	970_651_112,
	973_449_725,
	976_211_688,
	978_936_898,
	981_625_251,
	984_276_646,
	986_890_984,
	989_468_165,
	992_008_094,
	994_510_675,
	996_975_812,
	999_403_415,
	1_001_793_390,
	1_004_145_648,
	1_006_460_100,
	1_008_736_660,
	1_010_975_242,
	1_013_175_761,
	1_015_338_134,
	1_017_462_281,
	1_019_548_121,
	1_021_595_575,
	1_023_604_567,
	1_025_575_020,
	1_027_506_862,
	1_029_400_018,
	1_031_254_418,
	1_033_069_992,
	1_034_846_671,
	1_036_584_389,
	1_038_283_080,
	1_039_942_680,
	1_041_563_127,
	1_043_144_360,
	1_044_686_319,
	1_046_188_946,
	1_047_652_185,
	1_049_075_980,
	1_050_460_278,
	1_051_805_027,
	1_053_110_176,
	1_054_375_676,
	1_055_601_479,
	1_056_787_540,
	1_057_933_813,
	1_059_040_255,
	1_060_106_826,
	1_061_133_483,
	1_062_120_190,
	1_063_066_909,
	1_063_973_603,
	1_064_840_240,
	1_065_666_786,
	1_066_453_210,
	1_067_199_483,
	1_067_905_576,
	1_068_571_464,
	1_069_197_120,
	1_069_782_521,
	1_070_327_646,
	1_070_832_474,
	1_071_296_985,
	1_071_721_163,
	1_072_104_991,
	1_072_448_455,
	1_072_751_542,
	1_073_014_240,
	1_073_236_540,
	1_073_418_433,
	1_073_559_913,
	1_073_660_973,
	1_073_721_611,
	1_073_741_824,
];

#[cfg(test)]
mod tests {
	use super::*;
	use core::f64::consts::{FRAC_PI_2, TAU};
	use proptest::prelude::*;

	#[test]
	fn the_quarter_wave_is_within_one_ulp_of_the_reals() {
		for (i, &value) in SINE_Q30.iter().enumerate() {
			let real = (FRAC_PI_2 * i as f64 / 256.0).sin() * f64::from(1 << 30);
			assert!((f64::from(value) - real).abs() <= 0.51, "entry {i}");
		}
	}

	#[test]
	fn sine_and_cosine_are_exact_at_quarter_turns() {
		let one = 1 << 15;
		assert_eq!(sine_cosine(0), (0, one));
		assert_eq!(sine_cosine(QUARTER), (one, 0));
		assert_eq!(sine_cosine(2 * QUARTER), (0, -one));
		assert_eq!(sine_cosine(3 * QUARTER), (-one, 0));
		assert_eq!(sine_cosine(u64::MAX), (0, one));
	}

	#[test]
	fn rotate_holds_at_the_extremes() {
		let mut head = [1 << 26, 1 << 26, -(1 << 26), 1 << 26];
		rotate(&mut head, &[QUARTER, QUARTER / 2], 1);
		assert_eq!(head, [-(1 << 26), 1 << 26, -94_904_320, 0], "-2^26 times the square root of two in Q15");
		// The last position of the longest context, by the fastest turn.
		let mut head = [4_096, 0];
		rotate(&mut head, &[u64::MAX / 7], 131_071);
		let angle = 131_071.0 / 7.0 * TAU;
		assert!((f64::from(head[0]) / 4_096.0 - angle.cos()).abs() < 3e-4);
		assert!((f64::from(head[1]) / 4_096.0 - angle.sin()).abs() < 3e-4);
	}

	proptest! {
		#[test]
		fn sine_and_cosine_follow_the_reals(angle: u64) {
			let (sin, cos) = sine_cosine(angle);
			let real = angle as f64 / 2_f64.powi(64) * TAU;
			prop_assert!((f64::from(sin) / 32_768.0 - real.sin()).abs() < 2.1e-5);
			prop_assert!((f64::from(cos) / 32_768.0 - real.cos()).abs() < 2.1e-5);
		}

		#[test]
		fn rotate_follows_the_reals(x in -(1_i32 << 26)..=1 << 26, y in -(1_i32 << 26)..=1 << 26, position in 0_u32..131_072, frequency: u64) {
			let mut head = [x, y];
			rotate(&mut head, &[frequency], position);
			let real = angle(position, frequency) as f64 / 2_f64.powi(64) * TAU;
			let (x, y) = (f64::from(x), f64::from(y));
			let slack = 1.0 + 6e-5 * x.hypot(y);
			prop_assert!((f64::from(head[0]) - (x * real.cos() - y * real.sin())).abs() <= slack);
			prop_assert!((f64::from(head[1]) - (x * real.sin() + y * real.cos())).abs() <= slack);
		}
	}
}
