;; Checker of the suite `expressions`: evaluates the expression in the first line for each test in the lines behind it.
;;
;;   a * b + 2
;;   3 4 14
;;   -1 5 -3
;;
;; A test is a value of a, one of b, and the result. Grammar: sums of products of a, b, digits, (sum) and -factor; spaces are
;; ignored. Arithmetic wraps in 64 bits.
(module
  (memory (export "memory") 1)
  (global $at (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 0))
  (global $bad (mut i32) (i32.const 0))
  (global $a (mut i64) (i64.const 0))
  (global $b (mut i64) (i64.const 0))

  ;; Makes room for the input behind the memory that is there.
  (func (export "alloc") (param $length i32) (result i32)
    (i32.mul
      (memory.grow (i32.add (i32.shr_u (local.get $length) (i32.const 16)) (i32.const 1)))
      (i32.const 65536)))

  ;; The byte at the cursor; a line break at the end of the input.
  (func $byte (result i32)
    (if (i32.ge_u (global.get $at) (global.get $end)) (then (return (i32.const 10))))
    (i32.load8_u (global.get $at)))

  (func $next
    (global.set $at (i32.add (global.get $at) (i32.const 1))))

  ;; The first byte that is not a space.
  (func $peek (result i32)
    (loop $spaces
      (if (i32.eq (call $byte) (i32.const 32)) (then (call $next) (br $spaces))))
    (call $byte))

  (func $digits (result i64) (local $value i64) (local $digit i32) (local $count i32)
    (loop $more
      (local.set $digit (i32.sub (call $byte) (i32.const 48)))
      (if (i32.lt_u (local.get $digit) (i32.const 10))
        (then
          (local.set $value
            (i64.add (i64.mul (local.get $value) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (call $next)
          (br $more))))
    (if (i32.eqz (local.get $count)) (then (global.set $bad (i32.const 1))))
    (local.get $value))

  ;; A number of a test.
  (func $signed (result i64)
    (if (i32.eq (call $peek) (i32.const 45))
      (then (call $next) (return (i64.sub (i64.const 0) (call $digits)))))
    (call $digits))

  (func $factor (result i64) (local $byte i32) (local $value i64)
    (local.set $byte (call $peek))
    (if (i32.eq (local.get $byte) (i32.const 97)) (then (call $next) (return (global.get $a))))
    (if (i32.eq (local.get $byte) (i32.const 98)) (then (call $next) (return (global.get $b))))
    (if (i32.eq (local.get $byte) (i32.const 45))
      (then (call $next) (return (i64.sub (i64.const 0) (call $factor)))))
    (if (i32.eq (local.get $byte) (i32.const 40))
      (then
        (call $next)
        (local.set $value (call $sum))
        (if (i32.ne (call $peek) (i32.const 41))
          (then (global.set $bad (i32.const 1)) (return (i64.const 0))))
        (call $next)
        (return (local.get $value))))
    (call $digits))

  (func $product (result i64) (local $value i64)
    (local.set $value (call $factor))
    (loop $more
      (if (i32.eq (call $peek) (i32.const 42))
        (then
          (call $next)
          (local.set $value (i64.mul (local.get $value) (call $factor)))
          (br $more))))
    (local.get $value))

  (func $sum (result i64) (local $value i64)
    (local.set $value (call $product))
    (loop $more
      (if (i32.eq (call $peek) (i32.const 43))
        (then
          (call $next)
          (local.set $value (i64.add (local.get $value) (call $product)))
          (br $more)))
      (if (i32.eq (call $peek) (i32.const 45))
        (then
          (call $next)
          (local.set $value (i64.sub (local.get $value) (call $product)))
          (br $more))))
    (local.get $value))

  ;; 0: all tests pass; 1: a result is another; 2: the first line is not an expression; 3: there is no test, or a malformed one.
  (func (export "check") (param $start i32) (param $length i32) (result i32)
    (local $line i32) (local $tests i32) (local $wanted i64) (local $value i64)
    (global.set $end (i32.add (local.get $start) (local.get $length)))
    (global.set $at (local.get $start))
    (loop $find
      (if (i32.ne (call $byte) (i32.const 10)) (then (call $next) (br $find))))
    (local.set $line (i32.add (global.get $at) (i32.const 1)))
    (loop $test
      (if (i32.ge_u (local.get $line) (global.get $end))
        (then (return (select (i32.const 0) (i32.const 3) (local.get $tests)))))
      (global.set $at (local.get $line))
      (global.set $a (call $signed))
      (global.set $b (call $signed))
      (local.set $wanted (call $signed))
      (if (i32.or (global.get $bad) (i32.ne (call $peek) (i32.const 10))) (then (return (i32.const 3))))
      (local.set $line (i32.add (global.get $at) (i32.const 1)))
      (global.set $at (local.get $start))
      (local.set $value (call $sum))
      (if (i32.or (global.get $bad) (i32.ne (call $peek) (i32.const 10))) (then (return (i32.const 2))))
      (if (i64.ne (local.get $value) (local.get $wanted)) (then (return (i32.const 1))))
      (local.set $tests (i32.add (local.get $tests) (i32.const 1)))
      (br $test))
    (unreachable)))
