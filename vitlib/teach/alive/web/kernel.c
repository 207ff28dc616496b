// The heavy loops of vit.js once more, for WebAssembly's SIMD: four numbers
// at a time, and eight products of whole ones. kernel.js calls them and lays
// out the memory; nothing is allocated here. scripts/build_kernel.py makes
// kernel.wasm of this file.
//
// Names are those of the book: n tokens, rows (n, rounded up to whole fours),
// d numbers a token, k of them a head. `padded` is n in whole eights.
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT __attribute__((visibility("default")))

typedef v128_t four;  // numbers of 32 bits
typedef long count;

static inline four every(float value) { return wasm_f32x4_splat(value); }

static inline four plus_product(four sum, four a, four b) {
  return wasm_f32x4_add(sum, wasm_f32x4_mul(a, b));
}

static inline float lane_sum(four v) {
  return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1) +
         wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3);
}

static inline float lane_max(four v) {
  v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(v, 0);
}

// --- Layers of whole numbers

// (out, size) int8 in rows -> panels of eight outputs, (out / 8, size / 2,
// 8, 2): what one step of `linear` needs lies side by side. Gives the largest
// sum of absolute numbers in a row: what a product with them can come to.
EXPORT int32_t arrange(const int8_t* rows, count out, count size,
                       int8_t* panels) {
  int32_t largest = 0;
  for (count o = 0; o < out; o++) {
    const int8_t* row = rows + o * size;
    int8_t* to = panels + (o / 8) * 8 * size + (o % 8) * 2;
    int32_t sum = 0;
    for (count i = 0; i < size; i += 2, to += 16) {
      to[0] = row[i];
      to[1] = row[i + 1];
      sum += (row[i] < 0 ? -row[i] : row[i]);
      sum += (row[i + 1] < 0 ? -row[i + 1] : row[i + 1]);
    }
    if (sum > largest) largest = sum;
  }
  return largest;
}

static inline v128_t rounded(const float* x, four factor) {
  four a = wasm_f32x4_mul(wasm_v128_load(x), factor);
  four b = wasm_f32x4_mul(wasm_v128_load(x + 4), factor);
  return wasm_i16x8_narrow_i32x4(
      wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(a)),
      wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(b)));
}

// (rows, size) -> whole numbers from -levels to levels, and what the number 1
// is worth in each row. The size is a multiple of four.
EXPORT void whole(const float* x, count rows, count size, int32_t levels,
                  int16_t* numbers, float* worth) {
  for (count r = 0; r < rows; r++, x += size, numbers += size) {
    four most = every(1e-12f);
    for (count i = 0; i < size; i += 4)
      most = wasm_f32x4_pmax(most, wasm_f32x4_abs(wasm_v128_load(x + i)));
    float top = lane_max(most);
    four factor = every(levels / top);
    worth[r] = top / levels;
    count i = 0;
    for (; i + 8 <= size; i += 8)
      wasm_v128_store(numbers + i, rounded(x + i, factor));
    for (; i < size; i++)
      numbers[i] = __builtin_nearbyintf(x[i] * (levels / top));
  }
}

// (rows, size) whole x (out, size) in panels + bias -> (rows, out). Four rows
// and eight outputs at a time, of each two numbers at a time.
EXPORT void linear(const int16_t* x, const float* worth, count rows,
                   count size, const int8_t* panels, const float* scale,
                   const float* bias, count out, float* y) {
  for (count o = 0; o < out; o += 8, panels += 8 * size) {
    four scale0 = wasm_v128_load(scale + o);
    four scale1 = wasm_v128_load(scale + o + 4);
    four bias0 = wasm_v128_load(bias + o);
    four bias1 = wasm_v128_load(bias + o + 4);
    for (count r = 0; r < rows; r += 4) {
      const int16_t *x0 = x + r * size, *x1 = x0 + size;
      const int16_t *x2 = x1 + size, *x3 = x2 + size;
      const int8_t* w = panels;
      v128_t zero = wasm_i32x4_splat(0), t;
      v128_t a0 = zero, a1 = zero, b0 = zero, b1 = zero;
      v128_t c0 = zero, c1 = zero, d0 = zero, d1 = zero;
      for (count i = 0; i < size; i += 2, w += 16) {
        v128_t w0 = wasm_i16x8_load8x8(w), w1 = wasm_i16x8_load8x8(w + 8);
        t = wasm_v128_load32_splat(x0 + i);
        a0 = wasm_i32x4_add(a0, wasm_i32x4_dot_i16x8(t, w0));
        a1 = wasm_i32x4_add(a1, wasm_i32x4_dot_i16x8(t, w1));
        t = wasm_v128_load32_splat(x1 + i);
        b0 = wasm_i32x4_add(b0, wasm_i32x4_dot_i16x8(t, w0));
        b1 = wasm_i32x4_add(b1, wasm_i32x4_dot_i16x8(t, w1));
        t = wasm_v128_load32_splat(x2 + i);
        c0 = wasm_i32x4_add(c0, wasm_i32x4_dot_i16x8(t, w0));
        c1 = wasm_i32x4_add(c1, wasm_i32x4_dot_i16x8(t, w1));
        t = wasm_v128_load32_splat(x3 + i);
        d0 = wasm_i32x4_add(d0, wasm_i32x4_dot_i16x8(t, w0));
        d1 = wasm_i32x4_add(d1, wasm_i32x4_dot_i16x8(t, w1));
      }
      v128_t sums[8] = {a0, a1, b0, b1, c0, c1, d0, d1};
      for (int j = 0; j < 4; j++) {
        float* to = y + (r + j) * out + o;
        four one = every(worth[r + j]);
        four s0 = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums[2 * j]), one);
        four s1 =
            wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums[2 * j + 1]), one);
        wasm_v128_store(to, plus_product(bias0, s0, scale0));
        wasm_v128_store(to + 4, plus_product(bias1, s1, scale1));
      }
    }
  }
}

// --- What happens to each number

EXPORT void add(float* x, const float* y, count size) {
  for (count i = 0; i < size; i += 4)
    wasm_v128_store(x + i,
                    wasm_f32x4_add(wasm_v128_load(x + i), wasm_v128_load(y + i)));
}

EXPORT void layer_norm(const float* x, count rows, count d,
                       const float* weight, const float* bias, float* y) {
  for (count r = 0; r < rows; r++, x += d, y += d) {
    four sum = every(0), squares = every(0);
    for (count i = 0; i < d; i += 4)
      sum = wasm_f32x4_add(sum, wasm_v128_load(x + i));
    four mean = every(lane_sum(sum) / d);
    for (count i = 0; i < d; i += 4) {
      four off = wasm_f32x4_sub(wasm_v128_load(x + i), mean);
      squares = plus_product(squares, off, off);
    }
    four scale = every(1 / __builtin_sqrtf(lane_sum(squares) / d + 1e-6f));
    for (count i = 0; i < d; i += 4) {
      four off = wasm_f32x4_sub(wasm_v128_load(x + i), mean);
      wasm_v128_store(y + i, plus_product(wasm_v128_load(bias + i),
                                          wasm_f32x4_mul(off, scale),
                                          wasm_v128_load(weight + i)));
    }
  }
}

// e to the x for x <= 0: a whole power of two, times a polynomial of what is
// left, which is at most half a doubling (Cephes, "expf").
static inline four exponential(four x) {
  static const float P[] = {1.9875691500e-4f, 1.3981999507e-3f,
                            8.3334519073e-3f, 4.1665795894e-2f,
                            1.6666665459e-1f, 5.0000001201e-1f};
  x = wasm_f32x4_pmax(x, every(-87.0f));
  four doublings = wasm_f32x4_nearest(wasm_f32x4_mul(x, every(1.44269504f)));
  four rest = plus_product(x, doublings, every(-0.693359375f));
  rest = plus_product(rest, doublings, every(2.12194440e-4f));
  four power = every(P[0]);
  for (int i = 1; i < 6; i++) power = plus_product(every(P[i]), power, rest);
  power = plus_product(wasm_f32x4_add(rest, every(1)), power,
                       wasm_f32x4_mul(rest, rest));
  v128_t exponent = wasm_i32x4_shl(
      wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(doublings),
                     wasm_i32x4_splat(127)), 23);
  return wasm_f32x4_mul(power, exponent);
}

// The exact GELU; 1 - erf as in vit.js (Numerical Recipes, "erfcc").
EXPORT void gelu(float* x, count size) {
  static const float E[] = {0.17087277f,  -0.82215223f, 1.48851587f,
                            -1.13520398f, 0.27886807f,  -0.18628806f,
                            0.09678418f,  0.37409196f,  1.00002368f,
                            -1.26551223f};
  four one = every(1), half = every(0.5f);
  for (count i = 0; i < size; i += 4) {
    four v = wasm_v128_load(x + i);
    four z = wasm_f32x4_mul(wasm_f32x4_abs(v), every(0.70710678f));
    four t = wasm_f32x4_div(one, plus_product(one, z, half));
    four power = every(E[0]);
    for (int j = 1; j < 10; j++) power = plus_product(every(E[j]), power, t);
    power = wasm_f32x4_sub(power, wasm_f32x4_mul(z, z));
    four tail = wasm_f32x4_mul(half, wasm_f32x4_mul(t, exponential(power)));
    four share = wasm_v128_bitselect(tail, wasm_f32x4_sub(one, tail),
                                     wasm_f32x4_lt(v, every(0)));
    wasm_v128_store(x + i, wasm_f32x4_mul(v, share));
  }
}

// --- Attention

// Four rows of x times a panel of eight columns, (size, 8) -> sums.
static inline void products(const float* x, count stride, count size,
                            const float* panel, four* sums) {
  const float *x0 = x, *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
  four zero = every(0), t;
  four a0 = zero, a1 = zero, b0 = zero, b1 = zero;
  four c0 = zero, c1 = zero, d0 = zero, d1 = zero;
  for (count i = 0; i < size; i++, panel += 8) {
    four w0 = wasm_v128_load(panel), w1 = wasm_v128_load(panel + 4);
    t = wasm_v128_load32_splat(x0 + i);
    a0 = plus_product(a0, t, w0), a1 = plus_product(a1, t, w1);
    t = wasm_v128_load32_splat(x1 + i);
    b0 = plus_product(b0, t, w0), b1 = plus_product(b1, t, w1);
    t = wasm_v128_load32_splat(x2 + i);
    c0 = plus_product(c0, t, w0), c1 = plus_product(c1, t, w1);
    t = wasm_v128_load32_splat(x3 + i);
    d0 = plus_product(d0, t, w0), d1 = plus_product(d1, t, w1);
  }
  sums[0] = a0, sums[1] = a1, sums[2] = b0, sums[3] = b1;
  sums[4] = c0, sums[5] = c1, sums[6] = d0, sums[7] = d1;
}

// A row of scores becomes weights; those behind n are 0.
static void softmax(float* row, count n, count padded) {
  for (count i = n; i < padded; i++) row[i] = -1e30f;
  four most = wasm_v128_load(row), sum = every(0);
  for (count i = 4; i < padded; i += 4)
    most = wasm_f32x4_pmax(most, wasm_v128_load(row + i));
  most = every(lane_max(most));
  for (count i = 0; i < padded; i += 4) {
    four e = exponential(wasm_f32x4_sub(wasm_v128_load(row + i), most));
    sum = wasm_f32x4_add(sum, e);
    wasm_v128_store(row + i, e);
  }
  four share = every(1 / lane_sum(sum));
  for (count i = 0; i < padded; i += 4)
    wasm_v128_store(row + i, wasm_f32x4_mul(wasm_v128_load(row + i), share));
  for (count i = n; i < padded; i++) row[i] = 0;
}

// Keys and values of one head in panels of eight: of eight tokens, (padded /
// 8, k, 8), and of eight numbers, (k / 8, padded, 8).
static void arrange_head(const float* qkv, count n, count padded, count d,
                         count k, float* keys, float* values) {
  for (count j = 0; j < padded; j++) {
    const float* row = qkv + j * 3 * d;
    for (count i = 0; i < k; i++) {
      keys[((j / 8) * k + i) * 8 + j % 8] = j < n ? row[d + i] : 0;
      values[((i / 8) * padded + j) * 8 + i % 8] = j < n ? row[2 * d + i] : 0;
    }
  }
}

// (rows, 3 d) -> (rows, d), and what the class token gives each token in
// each head: looks (heads, n). `work` holds (2 k + 4) * padded numbers.
EXPORT void attend(const float* qkv, count n, count rows, count padded,
                   count d, count heads, float* mixed, float* looks,
                   float* work) {
  count k = d / heads;
  float *keys = work, *values = keys + k * padded;
  float* scores = values + k * padded;
  four sums[8], scale = every(1 / __builtin_sqrtf(k));
  for (count h = 0; h < heads; h++) {
    const float* q = qkv + h * k;
    arrange_head(q, n, padded, d, k, keys, values);
    for (count r = 0; r < rows; r += 4) {
      for (count o = 0; o < padded; o += 8) {
        products(q + r * 3 * d, 3 * d, k, keys + o * k, sums);
        for (int j = 0; j < 8; j++)
          wasm_v128_store(scores + (j / 2) * padded + o + (j % 2) * 4,
                          wasm_f32x4_mul(sums[j], scale));
      }
      for (int j = 0; j < 4; j++) softmax(scores + j * padded, n, padded);
      if (r == 0)
        for (count i = 0; i < n; i++) looks[h * n + i] = scores[i];
      for (count o = 0; o < k; o += 8) {
        products(scores, padded, padded, values + o * padded, sums);
        for (int j = 0; j < 8; j++)
          wasm_v128_store(mixed + (r + j / 2) * d + h * k + o + (j % 2) * 4,
                          sums[j]);
      }
    }
  }
}
