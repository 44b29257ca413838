// The arithmetic of the definition (blyan-exact), number for number: integers only, rounding to nearest with halves away
// from zero, 64-bit intermediates. The names are those of the definition; the bounds are stated there.
#pragma once

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

constexpr i32 RESIDUAL_MAX = 1 << 22;
constexpr i64 SCORE_MAX = 1 << 30;
constexpr u32 PROBABILITY_MAX = 32767;
constexpr u32 GATE_ONE = 32768;
// log2(e) in Q30.
constexpr u64 LOG2_E_Q30 = 1549082005;

__device__ __forceinline__ u64 magnitude(i64 x) { return x < 0 ? 0 - (u64)x : (u64)x; }

__device__ __forceinline__ u32 magnitude32(i32 x) { return x < 0 ? 0 - (u32)x : (u32)x; }

__device__ __forceinline__ i64 with_sign_of(i64 x, u64 value) { return x < 0 ? -(i64)value : (i64)value; }

__device__ __forceinline__ i64 clamp(i64 x, i64 bound) { return x > bound ? bound : x < -bound ? -bound : x; }

// |numerator| <= 2^62, 1 <= denominator <= 2^61.
__device__ __forceinline__ i64 div_round(i64 numerator, u64 denominator) {
	return with_sign_of(numerator, (2 * magnitude(numerator) + denominator) / (2 * denominator));
}

// The same where 2 |numerator| + denominator and 2 denominator fit into 32 bits.
__device__ __forceinline__ i32 div_round32(i32 numerator, u32 denominator) {
	u32 quotient = (2 * magnitude32(numerator) + denominator) / (2 * denominator);
	return numerator < 0 ? -(i32)quotient : (i32)quotient;
}

// |value| <= 2^62, shift <= 62.
__device__ __forceinline__ i64 shift_round(i64 value, u32 shift) {
	u64 half = (1ull << shift) >> 1;
	return with_sign_of(value, (magnitude(value) + half) >> shift);
}

// sum + the products of four signed bytes.
__device__ __forceinline__ i32 dot_of_four(u32 a, u32 b, i32 sum) {
#ifdef __CUDACC__
	i32 out;
	asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(sum));
	return out;
#else
	return emulated_dp4a(a, b, sum);
#endif
}

// Leading zeros; 64 for zero.
__device__ __forceinline__ u32 leading_zeros(u64 x) { return (u32)__clzll((i64)x); }

__device__ inline u64 isqrt(u64 n) {
	if (n == 0) return 0;
	u64 rest = n, root = 0;
	for (u64 bit = 1ull << ((63 - leading_zeros(n)) & ~1u); bit != 0; bit >>= 2) {
		if (rest >= root + bit) {
			rest -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

struct Rescale {
	u32 multiplier, shift;
};

// Rescale::new: the scale of the weights is (mantissa, exponent), that of the activations Q16.
__device__ inline Rescale rescale_of(u32 mantissa, u32 exponent, u32 activations, u32 fraction_bits) {
	u64 product = (u64)div_round((i64)((u64)activations * mantissa), 127);
	u32 bits = 64 - leading_zeros(product);
	u32 excess = bits > 31 ? bits - 31 : 0;
	u32 multiplier = (u32)shift_round((i64)product, excess);
	u32 up = 16 + exponent, down = fraction_bits + excess;
	u32 shift = up > down ? up - down : 0;
	if (shift > 62) return Rescale{0, 0};
	return Rescale{multiplier, shift};
}

__device__ __forceinline__ i32 rescale(Rescale by, i32 accumulator, i64 bound) {
	return (i32)clamp(shift_round((i64)accumulator * (i64)by.multiplier, by.shift), bound);
}

// 2^-t in Q30 for t in Q16; `table` holds 2^-(i/256) in Q30 for i = 0 to 256.
__device__ __forceinline__ u32 exp2_neg(const u32 *table, u32 t) {
	u32 whole = t >> 16;
	if (whole >= 31) return 0;
	u32 index = (t >> 8) & 0xff, rest = t & 0xff;
	u32 high = table[index], low = table[index + 1];
	u32 value = high - (((high - low) * rest + 128) >> 8);
	return (value + ((1u << whole) >> 1)) >> whole;
}

// log2(x) in Q16, rounded down; x is at least 1.
__device__ inline u64 log2_q16(u64 x) {
	u32 whole = 63 - leading_zeros(x);
	u64 mantissa = whole > 31 ? x >> (whole - 31) : x << (31 - whole);
	u64 fraction = 0;
	for (int bit = 0; bit < 16; ++bit) {
		mantissa = (mantissa * mantissa) >> 31;
		fraction <<= 1;
		if (mantissa >> 32) {
			fraction |= 1;
			mantissa >>= 1;
		}
	}
	return ((u64)whole << 16) + fraction;
}

// `largest / sqrt(squares / len)` in Q16; `root_of_len` is the square root of the length in Q16.
__device__ inline u32 peak_over_rms(u64 largest, u64 squares, u64 root_of_len) {
	u32 zeros = leading_zeros(squares) & ~1u;
	u64 root = isqrt(squares << zeros);
	return (u32)div_round((i64)((largest << (zeros / 2)) * root_of_len), root);
}

struct QueryFactor {
	u32 factor, shift;
};

// `denominator` is 127^2 times the square root of the head size in Q16.
__device__ inline QueryFactor query_factor(i32 maximum, u64 denominator) {
	u64 numerator = ((u64)magnitude32(maximum) * LOG2_E_Q30) << 10;
	u64 ratio = (u64)div_round((i64)numerator, denominator);
	u32 bits = 64 - leading_zeros(ratio);
	u32 excess = bits > 21 ? bits - 21 : 0;
	return QueryFactor{(u32)shift_round((i64)ratio, excess), 32 - excess};
}

__device__ __forceinline__ i32 score(QueryFactor by, i32 product, i32 key_maximum) {
	i64 scaled = (i64)product * (i64)key_maximum * (i64)by.factor;
	return (i32)clamp(shift_round(scaled, by.shift), SCORE_MAX);
}
