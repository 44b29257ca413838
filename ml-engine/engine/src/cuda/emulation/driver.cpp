// The part of the CUDA driver's interface that the engine uses, over the emulation: a libcuda.so.1 for machines without a
// card. scripts/test-cuda builds it; nothing else does.
//
// BLYAN_EMULATION names a fault to test how the engine takes it: no-card, old-card, refuses, wrong or breaks.
#include "../kernels/kernels.cu"

#include <mutex>
#include <string>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>

// --- Threads of a block ------------------------------------------------------------------------------------------------

uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

[[noreturn]] void fail(const char *what) {
	fprintf(stderr, "emulation: %s\n", what);
	abort();
}

constexpr size_t THREADS_MAX = 512, STACK_BYTES = 64 << 10;

struct Barrier {
	unsigned arrived = 0, passed = 0;
};

struct Fiber {
	ucontext_t context;
	jmp_buf place;
	bool has_begun, is_done;
};

struct Warp {
	Barrier barrier;
	unsigned lanes = 0, parity = 0;
	// Two sets in turn: a lane that shows the next words leaves those that others may still read.
	unsigned shown[2][32 * SHOWN_WORDS];
};

std::vector<Fiber> fibers(THREADS_MAX);
std::vector<char> stacks(THREADS_MAX *STACK_BYTES);
Warp warps[THREADS_MAX / 32];
unsigned shows[THREADS_MAX];
Barrier of_block;
jmp_buf scheduler;
unsigned running;
size_t progress;
u64 order = 1;
void (*entry)(void **);
void **entry_arguments;

void yield() {
	if (_setjmp(fibers[running].place) == 0) _longjmp(scheduler, 1);
}

void wait_at(Barrier &barrier, unsigned parties) {
	unsigned before = barrier.passed;
	++progress;
	if (++barrier.arrived == parties) {
		barrier.arrived = 0;
		++barrier.passed;
		return;
	}
	while (barrier.passed == before) yield();
}

void begin() {
	entry(entry_arguments);
	fibers[running].is_done = true;
	++progress;
	_longjmp(scheduler, 1);
}

void run_block() {
	unsigned threads = blockDim.x;
	bool fits = threads >= 32 && threads <= THREADS_MAX && (threads & (threads - 1)) == 0;
	if (!fits) fail("blocks have 32 to 512 threads, a power of two");
	of_block = Barrier{};
	for (unsigned i = 0; i < threads; ++i) {
		fibers[i].has_begun = fibers[i].is_done = false;
		shows[i] = 0;
	}
	for (unsigned i = 0; i < threads / 32; ++i) warps[i].barrier = Barrier{};
	static volatile unsigned left;
	for (left = threads; left != 0;) {
		size_t before = progress;
		// Each round has another order, so that what only worked because of one comes out. An odd step, and a power of two of
		// threads: everybody has a turn.
		order = order * 6364136223846793005ull + 1442695040888963407ull;
		static volatile unsigned turn, place;
		for (turn = 0; turn < threads; turn = turn + 1) {
			place = (turn * ((order >> 32) | 1) + (order >> 48)) % threads;
			Fiber &fiber = fibers[place];
			if (fiber.is_done) continue;
			running = place;
			threadIdx = uint3{running, 0, 0};
			if (_setjmp(scheduler) == 0) {
				if (fiber.has_begun) _longjmp(fiber.place, 1);
				fiber.has_begun = true;
				getcontext(&fiber.context);
				fiber.context.uc_stack.ss_sp = &stacks[running * STACK_BYTES];
				fiber.context.uc_stack.ss_size = STACK_BYTES;
				fiber.context.uc_link = nullptr;
				makecontext(&fiber.context, begin, 0);
				setcontext(&fiber.context);
			}
			if (fibers[place].is_done) left = left - 1;
		}
		if (progress == before) fail("the threads of a block wait for each other forever");
	}
}

} // namespace

extern char __start_shared[], __stop_shared[];

void __syncthreads() { wait_at(of_block, blockDim.x); }

void __syncwarp() { wait_at(warps[threadIdx.x / 32].barrier, 32); }

const unsigned *show_to_warp(const unsigned *words, int count) {
	Warp &warp = warps[threadIdx.x / 32];
	unsigned *shown = warp.shown[shows[running]++ % 2];
	memcpy(shown + threadIdx.x % 32 * SHOWN_WORDS, words, count * sizeof *words);
	wait_at(warp.barrier, 32);
	return shown;
}

// --- Kernels -----------------------------------------------------------------------------------------------------------

namespace {

template <auto kernel, typename... A, size_t... I>
void call(void (*)(A...), void **arguments, std::index_sequence<I...>) {
	static_assert(((sizeof(A) == 8) && ...), "every parameter is 64 bits wide");
	kernel(*static_cast<A *>(arguments[I])...);
}

template <auto kernel, typename... A>
constexpr size_t parameters(void (*)(A...)) { return sizeof...(A); }

template <auto kernel>
void call_with(void **arguments) {
	call<kernel>(kernel, arguments, std::make_index_sequence<parameters<kernel>(kernel)>());
}

const std::unordered_map<std::string, void (*)(void **)> KERNELS = {
#define KERNEL(name) {#name, call_with<&name>}
	KERNEL(embed), KERNEL(norm_quant), KERNEL(norm_quant_squared_relu), KERNEL(ternary_matmul), KERNEL(table_matmul),
	KERNEL(split_heads), KERNEL(attend), KERNEL(route), KERNEL(group), KERNEL(scatter), KERNEL(expert_up),
	KERNEL(expert_down), KERNEL(mix), KERNEL(loss),
};

bool has_fault(const char *name) {
	const char *fault = getenv("BLYAN_EMULATION");
	return fault && strcmp(fault, name) == 0;
}

// --- Memory ------------------------------------------------------------------------------------------------------------

struct Mapping {
	void *at;
	size_t bytes;
};

std::unordered_map<u64, Mapping> mappings;

// The end of a buffer is the end of a page, so whatever reads or writes past it is stopped; what nobody wrote is rubbish.
u64 allocate(size_t bytes) {
	size_t page = sysconf(_SC_PAGESIZE), used = (bytes + 15) / 16 * 16, whole = (used + page - 1) / page * page;
	char *at = static_cast<char *>(mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (at == MAP_FAILED) return 0;
	mprotect(at + whole, page, PROT_NONE);
	memset(at, 0xa5, whole);
	u64 buffer = reinterpret_cast<u64>(at + whole - used);
	mappings[buffer] = Mapping{at, whole + page};
	return buffer;
}

enum Result { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_PTX = 218, NOT_FOUND = 500, LAUNCH_FAILED = 719 };

// One caller at a time.
std::mutex busy;

// Something to point at.
int context, stream, module, event;
size_t batches;

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default"))) int

EXPORT cuInit(unsigned) { return SUCCESS; }
EXPORT cuDriverGetVersion(int *version) { return *version = 12000, SUCCESS; }
EXPORT cuDeviceGetCount(int *count) { return *count = has_fault("no-card") ? 0 : 1, SUCCESS; }
EXPORT cuDeviceGet(int *device, int) { return *device = 0, SUCCESS; }
EXPORT cuDeviceGetName(char *name, int len, int) {
	return snprintf(name, len, "emulation on a processor, %s", MATRIX_UNITS ? "matrix units" : "dot products"), SUCCESS;
}
EXPORT cuDeviceGetAttribute(int *value, int attribute, int) {
	constexpr int CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76;
	*value = 0;
	if (attribute == CAPABILITY_MAJOR) *value = has_fault("old-card") ? 5 : MATRIX_UNITS ? 8 : 6;
	if (attribute == CAPABILITY_MINOR) *value = MATRIX_UNITS ? 0 : 1;
	return SUCCESS;
}
EXPORT cuDevicePrimaryCtxRetain(void **out, int) { return *out = &context, SUCCESS; }
EXPORT cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
EXPORT cuCtxSetCurrent(void *) { return SUCCESS; }
EXPORT cuCtxGetCurrent(void **out) { return *out = &context, SUCCESS; }
EXPORT cuCtxSynchronize() { return SUCCESS; }
EXPORT cuStreamCreate(void **out, unsigned) { return *out = &stream, SUCCESS; }
EXPORT cuStreamDestroy_v2(void *) { return SUCCESS; }
EXPORT cuStreamSynchronize(void *) { return SUCCESS; }
EXPORT cuStreamWaitEvent(void *, void *, unsigned) { return SUCCESS; }
EXPORT cuEventCreate(void **out, unsigned) { return *out = &event, SUCCESS; }
EXPORT cuEventRecord(void *, void *) { return SUCCESS; }
EXPORT cuEventDestroy_v2(void *) { return SUCCESS; }
// Little, so that few tokens fit a group and a batch has several.
EXPORT cuMemGetInfo_v2(size_t *free, size_t *total) { return *free = *total = 16 << 20, SUCCESS; }
EXPORT cuMemAlloc_v2(u64 *out, size_t bytes) {
	if (bytes == 0) return INVALID_VALUE;
	std::lock_guard<std::mutex> lock(busy);
	*out = allocate(bytes);
	return *out ? SUCCESS : OUT_OF_MEMORY;
}
EXPORT cuMemFree_v2(u64 buffer) {
	std::lock_guard<std::mutex> lock(busy);
	auto found = mappings.find(buffer);
	if (found == mappings.end()) return INVALID_VALUE;
	munmap(found->second.at, found->second.bytes);
	mappings.erase(found);
	return SUCCESS;
}
EXPORT cuMemcpyHtoDAsync_v2(u64 to, const void *from, size_t bytes, void *) {
	return memcpy(reinterpret_cast<void *>(to), from, bytes), SUCCESS;
}
EXPORT cuMemcpyDtoHAsync_v2(void *to, u64 from, size_t bytes, void *) {
	return memcpy(to, reinterpret_cast<void *>(from), bytes), SUCCESS;
}
EXPORT cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t bytes, void *) {
	return memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes), SUCCESS;
}
EXPORT cuMemsetD8Async(u64 at, unsigned char value, size_t bytes, void *) {
	return memset(reinterpret_cast<void *>(at), value, bytes), SUCCESS;
}
// Takes the PTX of the sources that it was compiled from, and nothing else.
EXPORT cuModuleLoadData(void **out, const void *image) {
	std::string ptx(static_cast<const char *>(image));
	bool is_ours = ptx.find(SOURCE_HASH) != ptx.npos && ptx.find(MATRIX_UNITS ? ".target sm_80" : ".target sm_61") != ptx.npos;
	if (!is_ours || has_fault("refuses")) return INVALID_PTX;
	return *out = &module, SUCCESS;
}
EXPORT cuModuleUnload(void *) { return SUCCESS; }
EXPORT cuModuleGetFunction(void **out, void *, const char *name) {
	auto found = KERNELS.find(name);
	if (found == KERNELS.end()) return NOT_FOUND;
	return *out = reinterpret_cast<void *>(found->second), SUCCESS;
}
EXPORT cuLaunchKernel(
	void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned,
	void *, void **arguments, void **
) {
	if (grid_x == 0 || grid_y == 0 || grid_z != 1 || block_x == 0 || block_y != 1 || block_z != 1) return INVALID_VALUE;
	std::lock_guard<std::mutex> lock(busy);
	entry = reinterpret_cast<void (*)(void **)>(function);
	// In the third batch: what a card is tried with when it is opened is smaller.
	bool is_batch = entry == KERNELS.at("loss") && *static_cast<u64 *>(arguments[4]) >= 512;
	if (has_fault("breaks") && is_batch && ++batches > 2) return LAUNCH_FAILED;
	entry_arguments = arguments;
	gridDim = uint3{grid_x, grid_y, 1};
	blockDim = uint3{block_x, 1, 1};
	for (unsigned y = 0; y < grid_y; ++y)
		for (unsigned x = 0; x < grid_x; ++x) {
			blockIdx = uint3{x, y, 0};
			memset(__start_shared, 0xa5, __stop_shared - __start_shared);
			run_block();
		}
	// The last bit of the first entry of whatever mix puts out.
	if (has_fault("wrong") && entry == KERNELS.at("mix")) **static_cast<int **>(arguments[0]) ^= 1;
	return SUCCESS;
}
EXPORT cuGetErrorName(int, const char **out) { return *out = "EMULATED", SUCCESS; }
EXPORT cuGetErrorString(int, const char **out) { return *out = "an error of the emulation", SUCCESS; }
