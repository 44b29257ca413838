// Products of 8-bit activations with packed weights: s8 x s8 -> s32, exact always.
//
// Order of a row's entries: within every 16, entry 4 i + j lies at place 4 j + i. A word of ternary codes holds 16 weights,
// weight 4 i + j at bits 8 i + 2 j, so shifting it by 2 j and masking gives four bytes whose partners among the
// activations are one word, too. Sums do not care about the order, as long as both sides have the same.
//
// Order of weights: outputs in groups of 32 (four tiles of eight), inputs in chunks of 64. A warp's lane (g, t), g = lane / 4
// and t = lane % 4, holds what the matrix units want of it: inputs 16 t to 16 t + 15 of output g of each tile.
//   ternary: [group][chunk][lane] four words, one a tile
//   8 bits:  [group][chunk][tile][lane] four words, bytes in the order above
#pragma once
#include "exact.cuh"

// Tokens of a block's tile, and outputs: four warps of 32.
constexpr int TILE_TOKENS = 64;
constexpr int TILE_OUTPUTS = 128;
// Chunks of 64 inputs that are staged at a time, and the distance of two in bytes: 64 more than their size keeps stores off
// each other's banks.
constexpr int SLAB = 4;
constexpr int CHUNK_PITCH = TILE_TOKENS * 64 + 64;

// What becomes of an accumulator.
enum Into { ACCUMULATORS = 0, OUTPUTS = 1, STREAM = 2 };

struct Tile {
	// Row of the inputs and of the outputs for each token of the tile; tokens past the last one have none.
	u32 input_row[TILE_TOKENS], output_row[TILE_TOKENS];
	i32 sum[TILE_TOKENS];
	Rescale rescale[TILE_TOKENS];
	// Read sixteen at a time.
	alignas(16) u8 activations[SLAB * CHUNK_PITCH];
};

template <bool TERNARY>
__device__ __forceinline__ void load_weights(const uint4 *weights, int group, int chunk, int chunks, int lane, u32 (&b)[4][4]) {
	int at = group * chunks + chunk;
	if (TERNARY) {
		uint4 codes = weights[at * 32 + lane];
		u32 words[4] = {codes.x, codes.y, codes.z, codes.w};
#pragma unroll
		for (int tile = 0; tile < 4; ++tile)
#pragma unroll
			for (int j = 0; j < 4; ++j) b[tile][j] = (words[tile] >> (2 * j)) & 0x03030303;
	} else {
#pragma unroll
		for (int tile = 0; tile < 4; ++tile) {
			uint4 bytes = weights[(at * 4 + tile) * 32 + lane];
			b[tile][0] = bytes.x, b[tile][1] = bytes.y, b[tile][2] = bytes.z, b[tile][3] = bytes.w;
		}
	}
}

__device__ __forceinline__ uint4 activations_at(const u8 *chunk, int row, int t) {
	return *reinterpret_cast<const uint4 *>(chunk + row * 64 + t * 16);
}

#if MATRIX_UNITS
__device__ __forceinline__ void mma(i32 (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#ifdef __CUDACC__
	asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
				 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
				 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#else
	emulated_mma(c, a0, a1, a2, a3, b0, b1);
#endif
}

// Adds the products of one chunk of 64 inputs: c[m][n] is the fragment of tokens 16 m to 16 m + 15, outputs 8 n to 8 n + 7.
template <bool TERNARY>
__device__ __forceinline__ void add_chunk(
	i32 (&c)[4][4][4], const u8 *activations, const uint4 *weights, int group, int chunk, int chunks, int lane
) {
	u32 b[4][4];
	load_weights<TERNARY>(weights, group, chunk, chunks, lane, b);
#pragma unroll
	for (int m = 0; m < 4; ++m) {
		uint4 low = activations_at(activations, 16 * m + lane / 4, lane % 4);
		uint4 high = activations_at(activations, 16 * m + 8 + lane / 4, lane % 4);
#pragma unroll
		for (int n = 0; n < 4; ++n) {
			mma(c[m][n], low.x, high.x, low.y, high.y, b[n][0], b[n][1]);
			mma(c[m][n], low.z, high.z, low.w, high.w, b[n][2], b[n][3]);
		}
	}
}
#else
// The same fragments from dot products of four bytes, for cards whose matrix units have no such shape.
template <bool TERNARY>
__device__ __forceinline__ void add_chunk(
	i32 (&c)[4][4][4], const u8 *activations, const uint4 *weights, int group, int chunk, int chunks, int lane
) {
#pragma unroll 1
	for (int t = 0; t < 4; ++t) {
		u32 left[4][4], right[4][4];
		load_weights<TERNARY>(weights, group, chunk, chunks, 8 * (lane % 4) + t, left);
		load_weights<TERNARY>(weights, group, chunk, chunks, 8 * (lane % 4) + 4 + t, right);
#pragma unroll
		for (int m = 0; m < 4; ++m) {
			uint4 low = activations_at(activations, 16 * m + lane / 4, t);
			uint4 high = activations_at(activations, 16 * m + 8 + lane / 4, t);
			u32 of_low[4] = {low.x, low.y, low.z, low.w}, of_high[4] = {high.x, high.y, high.z, high.w};
#pragma unroll
			for (int n = 0; n < 4; ++n)
#pragma unroll
				for (int j = 0; j < 4; ++j) {
					c[m][n][0] = dot_of_four(of_low[j], left[n][j], c[m][n][0]);
					c[m][n][1] = dot_of_four(of_low[j], right[n][j], c[m][n][1]);
					c[m][n][2] = dot_of_four(of_high[j], left[n][j], c[m][n][2]);
					c[m][n][3] = dot_of_four(of_high[j], right[n][j], c[m][n][3]);
				}
		}
	}
}
#endif

// One tile of tokens times 128 outputs by four warps. `tile` knows its rows, sums and rescales; `first_output` is the block's.
template <bool TERNARY>
__device__ void multiply(
	Tile &tile, const i8 *inputs, const uint4 *weights, i32 *out, int tokens, int outputs, int width, int first_output, Into into,
	i64 bound
) {
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	int chunks = width / 64, group = first_output / 32 + warp;
	bool is_idle = group * 32 >= outputs;
	i32 c[4][4][4] = {};
	for (int begin = 0; begin < chunks; begin += SLAB) {
		int staged = min(SLAB, chunks - begin);
		// The rows of the first slab are known, and nobody reads the last one any more.
		__syncthreads();
		for (int piece = threadIdx.x; piece < TILE_TOKENS * staged * 4; piece += blockDim.x) {
			int row = piece / (staged * 4), sixteen = piece % (staged * 4);
			uint4 bytes = make_uint4(0, 0, 0, 0);
			if (row < tokens) {
				const i8 *from = inputs + (u64)tile.input_row[row] * width + begin * 64 + sixteen * 16;
				bytes = *reinterpret_cast<const uint4 *>(from);
			}
			*reinterpret_cast<uint4 *>(tile.activations + sixteen / 4 * CHUNK_PITCH + row * 64 + sixteen % 4 * 16) = bytes;
		}
		__syncthreads();
		if (is_idle) continue;
#pragma unroll 1
		for (int chunk = 0; chunk < staged; ++chunk)
			add_chunk<TERNARY>(c, tile.activations + chunk * CHUNK_PITCH, weights, group, begin + chunk, chunks, lane);
	}
	if (is_idle) return;
#pragma unroll
	for (int m = 0; m < 4; ++m)
#pragma unroll
		for (int half = 0; half < 2; ++half) {
			int row = 16 * m + 8 * half + lane / 4;
			if (row >= tokens) continue;
			i32 *line = out + (u64)tile.output_row[row] * outputs;
			Rescale by = tile.rescale[row];
			i32 sum = TERNARY ? tile.sum[row] : 0;
#pragma unroll
			for (int n = 0; n < 4; ++n)
#pragma unroll
				for (int side = 0; side < 2; ++side) {
					int output = group * 32 + 8 * n + 2 * (lane % 4) + side;
					if (output >= outputs) continue;
					// Codes are weights plus one.
					i32 value = c[m][n][2 * half + side] - sum;
					if (into != ACCUMULATORS) value = rescale(by, value, bound);
					if (into == STREAM) value = (i32)clamp((i64)line[output] + value, RESIDUAL_MAX);
					line[output] = value;
				}
		}
}
