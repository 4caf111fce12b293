import AttentionReference
import CKernels
import Foundation
import TestSupport
import Testing

/// exp, tanh, sigmoid, the backward of tanh, maxout, addition.
extension KernelTests {
  @Suite struct ElementwiseTests {
    typealias Kernel = @Sendable (UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, Int64) -> ck_status

    struct Function: Sendable, CustomTestStringConvertible {
      let name: String
      let kernel: Kernel
      let truth: @Sendable (Double) -> Double
      let tolerance: Tolerance
      var testDescription: String { name }
    }

    static let functions = [
      Function(name: "exp", kernel: { ck_exp_f32($0, $1, $2) }, truth: { exp($0) }, tolerance: .exponential),
      Function(
        name: "tanh", kernel: { ck_tanh_f32($0, $1, $2) }, truth: { tanh($0) }, tolerance: .hyperbolicTangent),
      Function(
        name: "sigmoid", kernel: { ck_sigmoid_f32($0, $1, $2) }, truth: { 1 / (1 + exp(-$0)) },
        tolerance: .sigmoid),
    ]

    /// Every 1021st of all bit patterns: every exponent and sign, NaN and the infinities among them.
    @Test(arguments: functions, sets)
    func ulpsOverAllFloats(_ function: Function, _ set: String) throws {
      let x = stride(from: UInt64(0), through: UInt64(UInt32.max), by: 1021).map {
        Float(bitPattern: UInt32($0))
      }
      var y = Output(x.count)
      try under(set) { expectOK(function.kernel(&y.memory, x, Int64(x.count))) }
      let truth = x.map { function.truth(Double($0)) }
      let trial = Trial(function.name, set: set, shape: "every 1021st float")
      expect(trial.compare("y", y.elements, truth, function.tolerance))
    }

    @Test(arguments: functions, sets)
    func widthsAndUnalignedPlaces(_ function: Function, _ set: String) throws {
      var random = SeededRandom(1)
      for count in widths(set) + [0, 1000] {
        let x = random.floats(count + 1, -9, 9)
        let truth = x.dropFirst().map { function.truth(Double($0)) }
        var (y, inPlace) = (Output(count), Output(Array(x.dropFirst())))
        try under(set) {
          x.withUnsafeBufferPointer {
            expectOK(function.kernel(&y.memory, $0.baseAddress! + 1, Int64(count)))
          }
          inPlace.memory.withUnsafeMutableBufferPointer {
            expectOK(function.kernel($0.baseAddress, UnsafePointer($0.baseAddress), Int64(count)))
          }
        }
        let trial = Trial(function.name, set: set, shape: "\(count)")
        expect(trial.compare("y", y.elements, Array(truth), function.tolerance))
        #expect(inPlace.elements.bits == y.elements.bits)
      }
    }

    @Test(arguments: functions, sets)
    func specialValues(_ function: Function, _ set: String) throws {
      let x: [Float] = [
        .infinity, -.infinity, 0, 1e4, -1e4, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
      ]
      var (y, nan) = (Output(x.count), Output(3))
      try under(set) {
        expectOK(function.kernel(&y.memory, x, Int64(x.count)))
        expectOK(function.kernel(&nan.memory, [1, .nan, 1], 3))
      }
      let trial = Trial(function.name, set: set, shape: "special values")
      expect(trial.compare("y", y.elements, x.map { function.truth(Double($0)) }, function.tolerance))
      #expect(nan.elements.map(\.isNaN) == [false, true, false])
    }

    /// To the last bit, and −0 stays −0.
    @Test(arguments: sets)
    func tanhIsOddAndNeverAboveOne(set: String) throws {
      let x = stride(from: UInt32(0), through: Float.infinity.bitPattern, by: 4093).map {
        Float(bitPattern: $0)
      }
      var (plus, minus) = (Output(x.count), Output(x.count))
      try under(set) {
        expectOK(ck_tanh_f32(&plus.memory, x, Int64(x.count)))
        expectOK(ck_tanh_f32(&minus.memory, x.map { -$0 }, Int64(x.count)))
      }
      #expect(minus.elements.bits == plus.elements.map { -$0 }.bits)
      #expect(plus.elements.max() == 1)
    }

    @Test(arguments: sets)
    func backwardOfTanh(set: String) throws {
      var random = SeededRandom(2)
      for count in widths(set) + [0, 1000] {
        let (dy, y) = (random.floats(count, -3, 3), random.floats(count).map { $0 < 0.9 ? $0 : 1 })
        var (dx, inPlace) = (Output(count), Output(dy))
        try under(set) {
          expectOK(ck_tanh_backward_f32(&dx.memory, dy, y, Int64(count)))
          inPlace.memory.withUnsafeMutableBufferPointer {
            expectOK(ck_tanh_backward_f32($0.baseAddress, $0.baseAddress, y, Int64(count)))
          }
        }
        let truth = zip(dy.doubles, y.doubles).map { $0 * (1 - $1 * $1) }
        // dy · 1 − dy · y · y: two products of up to three factors.
        let magnitudes = zip(dy.doubles, y.doubles).map { abs($0) * (1 + $1 * $1) }
        let trial = Trial("tanh backward", set: set, shape: "\(count)")
        expect(trial.compare("dx", dx.elements, truth, .sum(terms: 2, magnitudes: magnitudes)))
        #expect(inPlace.elements.bits == dx.elements.bits)
      }
    }

    /// Selections: exact. With a NaN in a pair the larger is NaN; of equals the first takes the gradient.
    @Test(arguments: sets)
    func maxout(set: String) throws {
      var random = SeededRandom(7)
      for count in widths(set) + [0, 1000] {
        // Few values, so that equals occur.
        let x = random.floats(2 * count, -2, 2).map { ($0 * 2).rounded() }
        let dy = random.floats(count)
        var (y, dx, inPlace) = (Output(count), Output(2 * count), Output(x))
        try under(set) {
          expectOK(ck_maxout_f32(&y.memory, x, Int64(count)))
          expectOK(ck_maxout_backward_f32(&dx.memory, dy, x, Int64(count)))
          inPlace.memory.withUnsafeMutableBufferPointer {
            expectOK(ck_maxout_backward_f32($0.baseAddress, dy, UnsafePointer($0.baseAddress), Int64(count)))
          }
        }
        let trial = Trial("maxout", set: set, shape: "\(count)")
        expect(trial.compare("y", y.elements, try Reference.maxout(x.doubles), .exact))
        expect(
          trial.compare("dx", dx.elements, try Reference.maxoutBackward(dy.doubles, x: x.doubles), .exact))
        #expect(inPlace.elements.bits == dx.elements.bits)
      }
      var y = Output(3)
      try under(set) { expectOK(ck_maxout_f32(&y.memory, [.nan, 1, 1, .nan, 2, 1], 3)) }
      #expect(y.elements.map(\.isNaN) == [true, true, false])
    }

    @Test(arguments: sets)
    func addition(set: String) throws {
      var random = SeededRandom(3)
      for count in widths(set) + [0, 1000] {
        let (a, b) = (random.floats(count), random.floats(count))
        var y = Output(a)
        try under(set) { expectOK(ck_add_f32(&y.memory, b, Int64(count))) }
        let truth = zip(a, b).map { Double($0 + $1) }
        expect(Trial("add", set: set, shape: "\(count)").compare("y", y.elements, truth, .exact))
      }
    }
  }
}
