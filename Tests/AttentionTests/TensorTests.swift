import Attention
import Testing

@Suite struct TensorTests {
  @Test func shapesAndElements() throws {
    let tensor = try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
    #expect(tensor.shape == [2, 3] && tensor.count == 6)
    #expect(tensor.elements == [1, 2, 3, 4, 5, 6])
    #expect(tensor[0, 2] == 3 && tensor[1, 0] == 4)
    let folded = try tensor.reshaped([3, 1, 2])
    #expect(folded.shape == [3, 1, 2] && folded[2, 0, 1] == 6)
    #expect(Tensor(zeros: [2, 2]).elements == [0, 0, 0, 0])
    #expect(Tensor(zeros: []).count == 1)
    #expect(Tensor(zeros: [3, 0, 5]).elements.isEmpty)
  }

  @Test func errors() throws {
    #expect(throws: AttentionError.shape(argument: "elements", expected: "[2, 2]", found: [3])) {
      try Tensor([1, 2, 3], shape: [2, 2])
    }
    #expect(throws: AttentionError.self) { try Tensor([1], shape: [-1, -1]) }
    #expect(throws: AttentionError.shape(argument: "shape", expected: "4 elements", found: [3])) {
      try Tensor(zeros: [2, 2]).reshaped([3])
    }
    #expect(throws: AttentionError.self) { try Tensor(zeros: [4]).reshaped([-2, -2]) }
  }

  /// Extents whose product does not fit in an Int are a wrong shape like any other. In a process of its own, because a
  /// trap would take the other tests along.
  @Test func overflowingShapesAreErrors() async {
    await #expect(processExitsWith: .success) {
      #expect(throws: AttentionError.self) { try Tensor([1], shape: [Int.max, 2]) }
    }
    await #expect(processExitsWith: .success) {
      #expect(throws: AttentionError.self) { try Tensor(zeros: [1]).reshaped([1 << 62, 4]) }
    }
  }

  /// Assigning shares; the first write copies; the other keeps what it had.
  @Test func copiesOnWrite() throws {
    let original = try Tensor([1, 2, 3, 4], shape: [2, 2])
    var copy = original
    let address = { (tensor: Tensor) in tensor.withUnsafePointer { UInt(bitPattern: $0) } }
    #expect(address(copy) == address(original))
    copy[1, 1] = 9
    #expect(original.elements == [1, 2, 3, 4] && copy.elements == [1, 2, 3, 9])
    #expect(address(copy) != address(original))
    let own = address(copy)
    copy.withUnsafeMutablePointer { $0[0] = 7 }
    #expect(address(copy) == own, "a second write copied again")
    #expect(copy.elements == [7, 2, 3, 9])
    var folded = try copy.reshaped([4])
    folded[0] = 5
    #expect(copy[0, 0] == 7 && folded[0] == 5)
  }

  @Test func equality() throws {
    let tensor = try Tensor([1, 2], shape: [2])
    #expect(tensor == (try Tensor([1, 2], shape: [2])))
    #expect(tensor != (try Tensor([1, 3], shape: [2])))
    #expect(tensor != (try Tensor([1, 2], shape: [1, 2])))
    let nan = try Tensor([.nan], shape: [1])
    #expect(nan != nan)
  }

  @Test func memoryIsAlignedToACacheLine() {
    for count in [0, 1, 17, 1000] {
      #expect(Tensor(zeros: [count]).withUnsafePointer { UInt(bitPattern: $0) } % 64 == 0)
    }
  }
}
