import Foundation

/// The elementary functions that the formulas need, of the platform's C library.
///
/// swift-numerics' `Real` would serve as well. Five functions do not justify a dependency that every user of the
/// package would then resolve.
public protocol ElementaryFunctions {
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  static func sqrt(_ x: Self) -> Self
  static func pow(_ x: Self, _ n: Int) -> Self
}

extension Float: ElementaryFunctions {
  @inlinable public static func exp(_ x: Float) -> Float { Foundation.exp(x) }
  @inlinable public static func log(_ x: Float) -> Float { Foundation.log(x) }
  @inlinable public static func tanh(_ x: Float) -> Float { Foundation.tanh(x) }
  @inlinable public static func sqrt(_ x: Float) -> Float { x.squareRoot() }
  @inlinable public static func pow(_ x: Float, _ n: Int) -> Float { Foundation.pow(x, Float(n)) }
}

extension Double: ElementaryFunctions {
  @inlinable public static func exp(_ x: Double) -> Double { Foundation.exp(x) }
  @inlinable public static func log(_ x: Double) -> Double { Foundation.log(x) }
  @inlinable public static func tanh(_ x: Double) -> Double { Foundation.tanh(x) }
  @inlinable public static func sqrt(_ x: Double) -> Double { x.squareRoot() }
  @inlinable public static func pow(_ x: Double, _ n: Int) -> Double { Foundation.pow(x, Double(n)) }
}
