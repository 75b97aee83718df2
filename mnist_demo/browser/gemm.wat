;; The product of two matrices with SIMD, the only part of the engine in WebAssembly. It follows K. Goto and R. van de
;; Geijn, "Anatomy of high-performance matrix multiplication" (2008): a block of the result stays in registers while the
;; loop runs over the inner dimension, and the panel of b that it needs stays in the cache for all rows.
;; Assembled as it is, it is gemm.wasm. gemm_simd.wasm, for browsers without relaxed SIMD, has each relaxed_madd replaced
;; by a multiplication and an addition. assemble.py writes both.
(module
  (memory (export "memory") 1)

  ;; c (m, n) = max(low, a (m, k) times b (k, n), plus bias (n) in each row). All are float32 at byte addresses: a and c row
  ;; by row, b in panels of 8 columns, each row by row. m is a multiple of 4 and n of 8: a block has 4 rows and two
  ;; vectors of 4 columns.
  (func (export "gemm")
    (param $a i32) (param $b i32) (param $bias i32) (param $c i32) (param $m i32) (param $n i32) (param $k i32)
    (param $lowest f32)
    (local $a_row i32) (local $c_row i32)        ;; bytes of a row
    (local $column i32)                          ;; bytes from the start of a row of c to the block
    (local $row i32)                             ;; rows left
    (local $a0 i32) (local $a1 i32) (local $a2 i32) (local $a3 i32)  ;; where the block's four rows of a are read
    (local $b_at i32) (local $c_at i32) (local $c_block i32) (local $inner i32)
    (local $low v128) (local $left v128) (local $right v128) (local $x v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $low (f32x4.splat (local.get $lowest)))
    (local.set $a_row (i32.shl (local.get $k) (i32.const 2)))
    (local.set $c_row (i32.shl (local.get $n) (i32.const 2)))
    (loop $panels
      (local.set $row (local.get $m))
      (local.set $a3 (local.get $a))
      (local.set $c_block (i32.add (local.get $c) (local.get $column)))
      (loop $rows
        (local.set $a0 (local.get $a3))  ;; the rows of a are contiguous
        (local.set $a1 (i32.add (local.get $a0) (local.get $a_row)))
        (local.set $a2 (i32.add (local.get $a1) (local.get $a_row)))
        (local.set $a3 (i32.add (local.get $a2) (local.get $a_row)))
        (local.set $b_at (local.get $b))
        (local.set $c00 (v128.load (i32.add (local.get $bias) (local.get $column))))
        (local.set $c01 (v128.load offset=16 (i32.add (local.get $bias) (local.get $column))))
        (local.set $c10 (local.get $c00)) (local.set $c11 (local.get $c01))
        (local.set $c20 (local.get $c00)) (local.set $c21 (local.get $c01))
        (local.set $c30 (local.get $c00)) (local.set $c31 (local.get $c01))
        (local.set $inner (local.get $k))
        (loop $products
          (local.set $left (v128.load (local.get $b_at)))
          (local.set $right (v128.load offset=16 (local.get $b_at)))
          (local.set $x (v128.load32_splat (local.get $a0)))
          (local.set $c00 (f32x4.relaxed_madd (local.get $x) (local.get $left) (local.get $c00)))
          (local.set $c01 (f32x4.relaxed_madd (local.get $x) (local.get $right) (local.get $c01)))
          (local.set $x (v128.load32_splat (local.get $a1)))
          (local.set $c10 (f32x4.relaxed_madd (local.get $x) (local.get $left) (local.get $c10)))
          (local.set $c11 (f32x4.relaxed_madd (local.get $x) (local.get $right) (local.get $c11)))
          (local.set $x (v128.load32_splat (local.get $a2)))
          (local.set $c20 (f32x4.relaxed_madd (local.get $x) (local.get $left) (local.get $c20)))
          (local.set $c21 (f32x4.relaxed_madd (local.get $x) (local.get $right) (local.get $c21)))
          (local.set $x (v128.load32_splat (local.get $a3)))
          (local.set $c30 (f32x4.relaxed_madd (local.get $x) (local.get $left) (local.get $c30)))
          (local.set $c31 (f32x4.relaxed_madd (local.get $x) (local.get $right) (local.get $c31)))
          (local.set $a0 (i32.add (local.get $a0) (i32.const 4)))
          (local.set $a1 (i32.add (local.get $a1) (i32.const 4)))
          (local.set $a2 (i32.add (local.get $a2) (i32.const 4)))
          (local.set $a3 (i32.add (local.get $a3) (i32.const 4)))
          (local.set $b_at (i32.add (local.get $b_at) (i32.const 32)))
          (br_if $products (local.tee $inner (i32.sub (local.get $inner) (i32.const 1)))))
        (local.set $c_at (local.get $c_block))
        (v128.store (local.get $c_at) (f32x4.max (local.get $low) (local.get $c00)))
        (v128.store offset=16 (local.get $c_at) (f32x4.max (local.get $low) (local.get $c01)))
        (local.set $c_at (i32.add (local.get $c_at) (local.get $c_row)))
        (v128.store (local.get $c_at) (f32x4.max (local.get $low) (local.get $c10)))
        (v128.store offset=16 (local.get $c_at) (f32x4.max (local.get $low) (local.get $c11)))
        (local.set $c_at (i32.add (local.get $c_at) (local.get $c_row)))
        (v128.store (local.get $c_at) (f32x4.max (local.get $low) (local.get $c20)))
        (v128.store offset=16 (local.get $c_at) (f32x4.max (local.get $low) (local.get $c21)))
        (local.set $c_at (i32.add (local.get $c_at) (local.get $c_row)))
        (v128.store (local.get $c_at) (f32x4.max (local.get $low) (local.get $c30)))
        (v128.store offset=16 (local.get $c_at) (f32x4.max (local.get $low) (local.get $c31)))
        (local.set $c_block (i32.add (local.get $c_at) (local.get $c_row)))
        (br_if $rows (i32.gt_s (local.tee $row (i32.sub (local.get $row) (i32.const 4))) (i32.const 0))))
      (local.set $b (local.get $b_at))  ;; the panels are contiguous
      (local.set $column (i32.add (local.get $column) (i32.const 32)))
      (br_if $panels (i32.lt_u (local.get $column) (local.get $c_row))))))
