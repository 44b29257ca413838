// The forward pass of the exact network, operator by operator. Every parameter is 64 bits wide.
//
// Compiled to PTX for cards with integer matrix units (compute capability 8.0) and for those without (6.1), and as plain C++
// for the emulation that tests it. Which rows a thread computes is the launch's business; no result depends on it.
#ifdef __CUDACC__
#define MATRIX_UNITS (__CUDA_ARCH__ >= 800)
#else
#include "../emulation/device.h"
#endif
#include "exact.cuh"
#include "matmul.cuh"

constexpr u32 ALL = 0xffffffff;

template <typename T>
__device__ __forceinline__ T largest_of_warp(T x) {
#pragma unroll
	for (int distance = 16; distance > 0; distance /= 2) {
		T other = __shfl_xor_sync(ALL, x, distance);
		x = other > x ? other : x;
	}
	return x;
}

template <typename T>
__device__ __forceinline__ T sum_of_warp(T x) {
#pragma unroll
	for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL, x, distance);
	return x;
}

// Number of the warp in the grid.
__device__ __forceinline__ u64 warp_index() { return ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32; }

__device__ __forceinline__ u64 thread_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

// stream[tokens, width]: the rows of the embedding, `weights[256, width]` in their natural order.
extern "C" __global__ void embed(
	const u8 *tokens, const i8 *weights, i32 *stream, u64 count, u64 width, u64 mantissa, u64 exponent
) {
	u64 at = thread_index();
	if (at >= count * width) return;
	u32 shift = exponent > 12 ? (u32)exponent - 12 : 0;
	i64 weight = weights[tokens[at / width] * width + at % width];
	stream[at] = (i32)clamp(shift_round(weight * (i64)mantissa, shift), RESIDUAL_MAX);
}

template <bool SQUARED>
__device__ __forceinline__ void load_entries(const i32 *row, const i16 *gain, i64 (&entries)[16]) {
	const int4 *values = reinterpret_cast<const int4 *>(row);
	const int4 *gains = reinterpret_cast<const int4 *>(gain);
#pragma unroll
	for (int quarter = 0; quarter < 4; ++quarter) {
		int4 value = values[quarter];
		i32 of_row[4] = {value.x, value.y, value.z, value.w};
		int4 pairs = gains[quarter / 2];
		u32 words[2] = {(u32)(quarter % 2 ? pairs.z : pairs.x), (u32)(quarter % 2 ? pairs.w : pairs.y)};
#pragma unroll
		for (int i = 0; i < 4; ++i) {
			i64 g = (i16)(words[i / 2] >> (16 * (i % 2)));
			if (SQUARED) {
				i64 positive = max(of_row[i], 0);
				entries[4 * quarter + i] = positive * positive * g;
			} else {
				entries[4 * quarter + i] = (i64)of_row[i] * g;
			}
		}
	}
}

// One row by one warp: quantised entries in the order of matmul.cuh, their scale and their sum.
template <bool SQUARED>
__device__ void quantise_row(
	const i32 *row, const i16 *gain, int width, u64 root_of_width, i8 *out, u32 *scale, i32 *sum
) {
	int lane = threadIdx.x % 32, pieces = width / 16;
	i64 entries[16];
	u64 largest = 0;
	for (int piece = lane; piece < pieces; piece += 32) {
		load_entries<SQUARED>(row + 16 * piece, gain + 16 * piece, entries);
#pragma unroll
		for (int i = 0; i < 16; ++i) largest = max(largest, magnitude(entries[i]));
	}
	largest = largest_of_warp(largest);
	u32 bits = 64 - leading_zeros(largest);
	u32 excess = bits > 22 ? bits - 22 : 0;
	u32 peak = (u32)shift_round((i64)largest, excess);
	u64 squares = 0;
	i32 total = 0;
	for (int piece = lane; piece < pieces; piece += 32) {
		load_entries<SQUARED>(row + 16 * piece, gain + 16 * piece, entries);
		u32 words[4] = {};
#pragma unroll
		for (int i = 0; i < 16; ++i) {
			i32 t = (i32)shift_round(entries[i], excess);
			squares += (u64)((i64)t * t);
			i32 q = peak == 0 ? 0 : div_round32(127 * t, peak);
			total += q;
			// Entry 4 (i / 4) + i % 4 goes to byte i / 4 of word i % 4.
			words[i % 4] |= (u32)(u8)q << (8 * (i / 4));
		}
		reinterpret_cast<uint4 *>(out)[piece] = make_uint4(words[0], words[1], words[2], words[3]);
	}
	squares = sum_of_warp(squares);
	total = sum_of_warp(total);
	if (lane == 0) {
		*scale = peak == 0 ? 0 : peak_over_rms(peak, squares, root_of_width);
		*sum = total;
	}
}

// rows[count, width] -> out[count, width], scales[count], sums[count]. One warp a row.
extern "C" __global__ void norm_quant(
	const i32 *rows, const i16 *gain, i8 *out, u32 *scales, i32 *sums, u64 count, u64 width, u64 root_of_width
) {
	u64 row = warp_index();
	if (row >= count) return;
	quantise_row<false>(
		rows + row * width, gain, (int)width, root_of_width, out + row * width, scales + row, sums + row
	);
}

// An expert's tensors where they lie on the device.
struct Expert {
	const uint4 *up;
	const i16 *gain;
	const uint4 *down;
	u32 mantissa, exponent;
};

// The same for the squared ReLU of accumulators, each row with the gain of its expert.
extern "C" __global__ void norm_quant_squared_relu(
	const i32 *rows, const Expert *experts, const u32 *expert_of, i8 *out, u32 *scales, i32 *sums, u64 count, u64 width,
	u64 root_of_width
) {
	u64 row = warp_index();
	if (row >= count) return;
	const i16 *gain = experts[expert_of[row]].gain;
	quantise_row<true>(
		rows + row * width, gain, (int)width, root_of_width, out + row * width, scales + row, sums + row
	);
}

// inputs[tokens, width] x ternary weights[outputs, width] -> out[tokens, outputs], Q12. Grid: (tiles of tokens, tiles of outputs).
extern "C" __global__ void __launch_bounds__(128) ternary_matmul(
	const i8 *inputs, const u32 *scales, const i32 *sums, const uint4 *weights, i32 *out, u64 tokens, u64 outputs, u64 width,
	u64 mantissa, u64 exponent, u64 bound, u64 into
) {
	__shared__ Tile tile;
	u64 first = (u64)blockIdx.x * TILE_TOKENS;
	int count = (int)min((u64)TILE_TOKENS, tokens - first);
	if (threadIdx.x < count) {
		u64 row = first + threadIdx.x;
		tile.input_row[threadIdx.x] = tile.output_row[threadIdx.x] = (u32)row;
		tile.sum[threadIdx.x] = sums[row];
		tile.rescale[threadIdx.x] = rescale_of((u32)mantissa, (u32)exponent, scales[row], 12);
	}
	multiply<true>(
		tile, inputs, weights, out, count, (int)outputs, (int)width, blockIdx.y * TILE_OUTPUTS, (Into)into, (i64)bound
	);
}

// The same with 8-bit weights: logits in Q16.
extern "C" __global__ void __launch_bounds__(128) table_matmul(
	const i8 *inputs, const u32 *scales, const uint4 *weights, i32 *out, u64 tokens, u64 outputs, u64 width, u64 mantissa,
	u64 exponent, u64 bound
) {
	__shared__ Tile tile;
	u64 first = (u64)blockIdx.x * TILE_TOKENS;
	int count = (int)min((u64)TILE_TOKENS, tokens - first);
	if (threadIdx.x < count) {
		u64 row = first + threadIdx.x;
		tile.input_row[threadIdx.x] = tile.output_row[threadIdx.x] = (u32)row;
		tile.rescale[threadIdx.x] = rescale_of((u32)mantissa, (u32)exponent, scales[row], 16);
	}
	multiply<false>(
		tile, inputs, weights, out, count, (int)outputs, (int)width, blockIdx.y * TILE_OUTPUTS, OUTPUTS, (i64)bound
	);
}

// Rotates and quantises queries and keys, quantises values: one warp a token and head. `rows` of all three are
// [tokens, heads * size]; quantised rows are [sequences, heads, len, stride], stride the head size rounded up to 16 and
// the rest zero; maxima are [sequences, heads, len]. angles[context, size / 2] are pairs of (cos, sin), Q14.
extern "C" __global__ void split_heads(
	const i32 *queries, const i32 *keys, const i32 *values, const short2 *angles, i8 *query_rows, i32 *query_maxima, i8 *key_rows,
	i32 *key_maxima, i8 *value_rows, u64 tokens, u64 len, u64 heads, u64 size, u64 stride
) {
	u64 at = warp_index();
	if (at >= tokens * heads) return;
	u64 token = at / heads, head = at % heads, position = token % len;
	u64 row = (token / len * heads + head) * len + position;
	int lane = threadIdx.x % 32;
	bool has_pair = 2 * lane < size;
	i32 q[2] = {}, k[2] = {}, v[2] = {};
	if (has_pair) {
		u64 from = token * heads * size + head * size + 2 * lane;
		short2 angle = angles[position * (size / 2) + lane];
		i64 cos = angle.x, sin = angle.y;
		i64 x = queries[from], y = queries[from + 1];
		q[0] = (i32)shift_round(x * cos - y * sin, 14), q[1] = (i32)shift_round(x * sin + y * cos, 14);
		x = keys[from], y = keys[from + 1];
		k[0] = (i32)shift_round(x * cos - y * sin, 14), k[1] = (i32)shift_round(x * sin + y * cos, 14);
		v[0] = values[from], v[1] = values[from + 1];
	}
	u32 of_query = largest_of_warp(max(magnitude32(q[0]), magnitude32(q[1])));
	u32 of_key = largest_of_warp(max(magnitude32(k[0]), magnitude32(k[1])));
	if (lane == 0) {
		query_maxima[row] = (i32)of_query;
		key_maxima[row] = (i32)of_key;
	}
	if (2 * lane >= stride) return;
#pragma unroll
	for (int i = 0; i < 2; ++i) {
		u64 to = row * stride + 2 * lane + i;
		query_rows[to] = of_query == 0 ? 0 : (i8)div_round32(127 * q[i], of_query);
		key_rows[to] = of_key == 0 ? 0 : (i8)div_round32(127 * k[i], of_key);
		value_rows[to] = (i8)clamp(shift_round(v[i], 7), 127);
	}
}

constexpr int POSITIONS_MAX = 256;
constexpr int ATTENTION_WARPS = 8;

// Causal attention: one block of eight warps a sequence and head, one query at a time a warp.
// Rows as split_heads leaves them; out[tokens, heads * size], Q13.
extern "C" __global__ void __launch_bounds__(256) attend(
	const i8 *query_rows, const i32 *query_maxima, const i8 *key_rows, const i32 *key_maxima, const i8 *value_rows,
	const u32 *exp2_table, i32 *out, u64 len, u64 heads, u64 size, u64 stride, u64 denominator
) {
	__shared__ uint4 keys[POSITIONS_MAX * 5];
	__shared__ uint4 values[POSITIONS_MAX * 4];
	__shared__ i32 maxima[POSITIONS_MAX];
	__shared__ u16 probabilities[ATTENTION_WARPS][POSITIONS_MAX];
	__shared__ u32 table[257];
	// Sixteen bytes a step; an odd pitch keeps the lanes' keys on different banks.
	int steps = (int)stride / 16, pitch = steps | 1;
	u64 first = (u64)blockIdx.x * len;
	for (int i = threadIdx.x; i < (int)len * steps; i += blockDim.x) {
		keys[i / steps * pitch + i % steps] = reinterpret_cast<const uint4 *>(key_rows + first * stride)[i];
		values[i] = reinterpret_cast<const uint4 *>(value_rows + first * stride)[i];
	}
	for (int i = threadIdx.x; i < (int)len; i += blockDim.x) maxima[i] = key_maxima[first + i];
	for (int i = threadIdx.x; i < 257; i += blockDim.x) table[i] = exp2_table[i];
	__syncthreads();
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	u64 sequence = blockIdx.x / heads, head = blockIdx.x % heads;
	const i8 *of_values = reinterpret_cast<const i8 *>(values);
	for (int position = warp; position < (int)len; position += ATTENTION_WARPS) {
		const uint4 *row = reinterpret_cast<const uint4 *>(query_rows + (first + position) * stride);
		uint4 query[4];
#pragma unroll
		for (int step = 0; step < 4; ++step) query[step] = step < steps ? row[step] : make_uint4(0, 0, 0, 0);
		QueryFactor by = query_factor(query_maxima[first + position], denominator);
		i32 scores[POSITIONS_MAX / 32];
		// Scores are at least -2^30, and the lane of position 0 has one.
		i32 largest = -2147483647 - 1;
#pragma unroll
		for (int i = 0; i < POSITIONS_MAX / 32; ++i) {
			int other = 32 * i + lane;
			if (other > position) continue;
			i32 product = 0;
#pragma unroll
			for (int step = 0; step < 4; ++step)
				if (step < steps) {
					uint4 key = keys[other * pitch + step];
					product = dot_of_four(query[step].x, key.x, product);
					product = dot_of_four(query[step].y, key.y, product);
					product = dot_of_four(query[step].z, key.z, product);
					product = dot_of_four(query[step].w, key.w, product);
				}
			scores[i] = score(by, product, maxima[other]);
			largest = max(largest, scores[i]);
		}
		largest = largest_of_warp(largest);
		u32 total = 0;
#pragma unroll
		for (int i = 0; i < POSITIONS_MAX / 32; ++i) {
			int other = 32 * i + lane;
			if (other > position) continue;
			u32 p = min(exp2_neg(table, (u32)largest - (u32)scores[i]) >> 15, PROBABILITY_MAX);
			total += p;
			probabilities[warp][other] = (u16)p;
		}
		total = sum_of_warp(total);
		__syncwarp();
		if (2 * lane < size) {
			// At most 256 * 32,767 * 127 < 2^31.
			i32 sums[2] = {};
			for (int other = 0; other <= position; ++other) {
				i32 p = probabilities[warp][other];
				char2 value = *reinterpret_cast<const char2 *>(of_values + other * stride + 2 * lane);
				sums[0] += p * value.x;
				sums[1] += p * value.y;
			}
			u64 to = ((sequence * len + position) * heads + head) * size + 2 * lane;
			out[to] = (i32)div_round((i64)sums[0] * 256, total);
			out[to + 1] = (i32)div_round((i64)sums[1] * 256, total);
		}
		// The next query of this warp overwrites the probabilities.
		__syncwarp();
	}
}

// A router's logits[tokens, experts] -> chosen[tokens, top_k], gates[tokens, top_k]; adds to counts[experts]. One warp a token.
extern "C" __global__ void route(
	const i32 *logits, const u32 *exp2_table, u32 *chosen, u32 *gates, u32 *counts, u64 tokens, u64 experts, u64 top_k
) {
	u64 token = warp_index();
	if (token >= tokens) return;
	int lane = threadIdx.x % 32;
	// Larger logits are larger keys, and so are smaller indices among equals; 0 is nobody's.
	u64 best = 0, second = 0;
	for (u64 expert = lane; expert < experts; expert += 32) {
		u32 value = (u32)logits[token * experts + expert] ^ 0x80000000;
		u64 key = (u64)value << 32 | (ALL - (u32)expert);
		second = max(second, min(best, key));
		best = max(best, key);
	}
#pragma unroll
	for (int distance = 16; distance > 0; distance /= 2) {
		u64 other = __shfl_xor_sync(ALL, best, distance), other_second = __shfl_xor_sync(ALL, second, distance);
		second = max(min(best, other), max(second, other_second));
		best = max(best, other);
	}
	if (lane >= top_k) return;
	u32 gate = GATE_ONE;
	if (top_k > 1) {
		u32 difference = (u32)(best >> 32) - (u32)(second >> 32);
		gate = (u32)div_round(1ll << 45, (1ull << 30) + exp2_neg(exp2_table, difference));
		if (lane == 1) gate = GATE_ONE - gate;
	}
	u32 expert = ALL - (u32)(lane == 0 ? best : second);
	chosen[token * top_k + lane] = expert;
	gates[token * top_k + lane] = gate;
	atomicAdd(&counts[expert], 1u);
}

constexpr int EXPERTS_MAX = 512;

// Where each expert's tokens begin among all, offsets[experts + 1], and its tiles, tiles[experts + 1]; `cursors` start at the
// offsets. One block of 512 threads.
extern "C" __global__ void __launch_bounds__(512) group(
	const u32 *counts, u32 *offsets, u32 *tiles, u32 *cursors, u64 experts
) {
	__shared__ u32 entries_to[EXPERTS_MAX], tiles_to[EXPERTS_MAX];
	int at = threadIdx.x;
	u32 count = at < experts ? counts[at] : 0;
	entries_to[at] = count;
	tiles_to[at] = (count + TILE_TOKENS - 1) / TILE_TOKENS;
	for (int distance = 1; distance < EXPERTS_MAX; distance *= 2) {
		__syncthreads();
		u32 entries_before = at >= distance ? entries_to[at - distance] : 0;
		u32 tiles_before = at >= distance ? tiles_to[at - distance] : 0;
		__syncthreads();
		entries_to[at] += entries_before;
		tiles_to[at] += tiles_before;
	}
	if (at >= experts) return;
	if (at == 0) offsets[0] = tiles[0] = 0;
	offsets[at + 1] = entries_to[at];
	tiles[at + 1] = tiles_to[at];
	cursors[at] = entries_to[at] - count;
}

// Every choice takes a place among those of its expert; which one does not matter.
extern "C" __global__ void scatter(const u32 *chosen, u32 *cursors, u32 *entries, u32 *expert_of, u64 count) {
	u64 at = thread_index();
	if (at >= count) return;
	u32 expert = chosen[at], place = atomicAdd(&cursors[expert], 1u);
	entries[place] = (u32)at;
	expert_of[place] = expert;
}

// The expert of a tile, and the tile's entries; returns their number, 0 past the last tile.
__device__ inline int find_tile(const u32 *offsets, const u32 *tiles, int experts, u32 index, int *expert, u32 *first) {
	if (index >= tiles[experts]) return 0;
	int low = 0, high = experts;
	// tiles[low] <= index < tiles[high]
	while (high - low > 1) {
		int middle = (low + high) / 2;
		if (tiles[middle] <= index) {
			low = middle;
		} else {
			high = middle;
		}
	}
	*expert = low;
	*first = offsets[low] + (index - tiles[low]) * TILE_TOKENS;
	return (int)min((u32)TILE_TOKENS, offsets[low + 1] - *first);
}

// inputs[tokens, width] -> accumulators[entries, outputs] of the expert that each entry chose.
extern "C" __global__ void __launch_bounds__(128) expert_up(
	const i8 *inputs, const i32 *sums, const Expert *experts, const u32 *entries, const u32 *offsets, const u32 *tiles, i32 *out,
	u64 expert_count, u64 top_k, u64 outputs, u64 width
) {
	__shared__ Tile tile;
	int expert;
	u32 first;
	int count = find_tile(offsets, tiles, (int)expert_count, blockIdx.x, &expert, &first);
	if (count == 0) return;
	if (threadIdx.x < count) {
		u32 token = entries[first + threadIdx.x] / (u32)top_k;
		tile.input_row[threadIdx.x] = token;
		tile.output_row[threadIdx.x] = first + threadIdx.x;
		tile.sum[threadIdx.x] = sums[token];
	}
	multiply<true>(
		tile, inputs, experts[expert].up, out, count, (int)outputs, (int)width, blockIdx.y * TILE_OUTPUTS, ACCUMULATORS, 0
	);
}

// hidden[entries, width] -> said[tokens, top_k, outputs], Q12.
extern "C" __global__ void __launch_bounds__(128) expert_down(
	const i8 *hidden, const u32 *scales, const i32 *sums, const Expert *experts, const u32 *entries, const u32 *offsets,
	const u32 *tiles, i32 *said, u64 expert_count, u64 outputs, u64 width, u64 bound
) {
	__shared__ Tile tile;
	int expert;
	u32 first;
	int count = find_tile(offsets, tiles, (int)expert_count, blockIdx.x, &expert, &first);
	if (count == 0) return;
	if (threadIdx.x < count) {
		u32 row = first + threadIdx.x;
		tile.input_row[threadIdx.x] = row;
		tile.output_row[threadIdx.x] = entries[row];
		tile.sum[threadIdx.x] = sums[row];
		tile.rescale[threadIdx.x] = rescale_of(experts[expert].mantissa, experts[expert].exponent, scales[row], 12);
	}
	multiply<true>(
		tile, hidden, experts[expert].down, said, count, (int)outputs, (int)width, blockIdx.y * TILE_OUTPUTS, OUTPUTS, (i64)bound
	);
}

// Adds what the experts say, said[tokens, top_k, width], to stream[tokens, width].
extern "C" __global__ void mix(i32 *stream, const u32 *gates, const i32 *said, u64 tokens, u64 width, u64 top_k) {
	u64 at = thread_index();
	if (at >= tokens * width) return;
	u64 token = at / width, i = at % width;
	i64 sum = 0;
	for (u64 rank = 0; rank < top_k; ++rank)
		sum += (i64)gates[token * top_k + rank] * said[(token * top_k + rank) * width + i];
	stream[at] = (i32)clamp((i64)stream[at] + shift_round(sum, 15), RESIDUAL_MAX);
}

// Adds the bits, Q16, that logits[tokens, 256] give to each target to losses[tokens / len]. One warp a token.
extern "C" __global__ void loss(const i32 *logits, const u8 *targets, const u32 *exp2_table, u64 *losses, u64 tokens, u64 len) {
	u64 token = warp_index();
	if (token >= tokens) return;
	int lane = threadIdx.x % 32;
	const i32 *row = logits + token * 256;
	i32 values[8];
	i32 largest = -2147483647 - 1;
#pragma unroll
	for (int i = 0; i < 8; ++i) {
		values[i] = row[32 * i + lane];
		largest = max(largest, values[i]);
	}
	largest = largest_of_warp(largest);
	u64 sum = 0;
#pragma unroll
	for (int i = 0; i < 8; ++i) sum += (exp2_neg(exp2_table, (u32)largest - (u32)values[i]) + 32) >> 6;
	sum = sum_of_warp(sum);
	if (lane == 0) {
		u64 normaliser = log2_q16(sum) - (24 << 16);
		atomicAdd(&losses[token / len], normaliser + ((u32)largest - (u32)row[targets[token]]));
	}
}
