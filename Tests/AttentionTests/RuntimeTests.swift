import Attention
import CKernels
import Foundation
import TestSupport
import Testing

extension KernelTests {
  @Suite struct RuntimeTests {
    @Test func availableSets() throws {
      #expect(!KernelTests.sets.isEmpty && KernelTests.sets.last == "scalar")
      #expect(Set(KernelTests.sets).count == KernelTests.sets.count)
      #expect(ck_isa_at(-1) == nil && ck_isa_at(ck_isa_count()) == nil)
      for set in KernelTests.sets {
        #expect(try under(set) { try KernelRuntime.instructionSet } == set)
        #expect(ck_select_isa(set) == CK_OK && String(cString: ck_isa()) == set)
      }
      try KernelRuntime.select(instructionSet: nil)
      #expect(try KernelRuntime.instructionSet == KernelTests.sets[0])
    }

    @Test func unknownAndUnsupportedSets() throws {
      let before = try KernelRuntime.instructionSet
      expect(ck_select_isa("sse9"), CK_UNKNOWN_ISA)
      expect(ck_select_isa(""), CK_UNKNOWN_ISA)
      for set in ["scalar", "avx2", "avx512", "avx512bf16", "neon"] where !KernelTests.sets.contains(set) {
        expect(ck_select_isa(set), CK_UNSUPPORTED_ISA)
      }
      let error = #expect(throws: AttentionError.self) { try KernelRuntime.select(instructionSet: "sse9") }
      #expect("\(error!)".contains("sse9") && "\(error!)".contains(KernelTests.sets.joined(separator: ", ")))
      #expect(try KernelRuntime.instructionSet == before)
    }

    @Test func largeBlocksAreKept() throws {
      // 5 MiB take 6 in whole huge pages: an array a little smaller fits as well, one of another size does not.
      let count = Int64(5) << 18
      KernelRuntime.releaseMemory()
      let first = try #require(ck_allocate_f32(count))
      let second = try #require(ck_allocate_f32(count))
      ck_free_f32(first, count)
      #expect(ck_kept_memory() == 6 << 20)
      #expect(ck_allocate_f32(count - 1000) == first)
      #expect(ck_kept_memory() == 0)
      ck_free_f32(first, count - 1000)
      ck_free_f32(second, count)
      KernelRuntime.releaseMemory()
      #expect(ck_kept_memory() == 0)
    }

    /// What is in use and what is kept never exceed what was in use at most, not even after a request that nothing could
    /// meet.
    @Test func keptBlocksAreBounded() throws {
      KernelRuntime.releaseMemory()
      #expect(ck_allocate_f32(1 << 46) == nil)
      let most = Int64(40) << 20
      for mebibytes in [Int64(4), 6, 8, 10, 14, 20, 28, 40, 12, 4] {
        let count = mebibytes << 18
        let memory = try #require(ck_allocate_f32(count))
        #expect(ck_kept_memory() + 4 * count <= most)
        ck_free_f32(memory, count)
        #expect(ck_kept_memory() <= most)
      }
      KernelRuntime.releaseMemory()
    }

    @Test func memory() throws {
      // Around a cache line, a page and a huge page.
      for count in [0, 1, 16, 17, 1024, 1 << 19, (1 << 19) + 1, 3 << 19] {
        let memory = try #require(ck_allocate_f32(Int64(count)), "\(count)")
        #expect(Int(bitPattern: memory) % 64 == 0, "\(count)")
        if count > 0 { (memory[0], memory[count - 1]) = (1, 2) }
        ck_free_f32(memory, Int64(count))
      }
      ck_free_f32(nil, 1 << 20)
      for count in [-1, Int64.max, 1 << 60] { #expect(ck_allocate_f32(count) == nil) }
    }

    @Test func threads() throws {
      let before = KernelRuntime.threads
      #expect(before >= 1)
      #expect(try withThreads(3) { KernelRuntime.threads } == 3)
      for bad in [0, -1, 1025, Int.max] {
        #expect(throws: AttentionError.value(argument: "threads", expected: "1 to 1024", found: "\(bad)")) {
          try KernelRuntime.setThreads(bad)
        }
      }
      expect(ck_set_threads(-1), CK_OUT_OF_RANGE)
      expect(ck_set_threads(1025), CK_OUT_OF_RANGE)
      try KernelRuntime.setThreads(nil)
      #expect(KernelRuntime.threads == before)
    }

    /// A process of its own, because the environment is read at the first call.
    @Test func environmentNamesNoSet() async {
      await #expect(processExitsWith: .success) {
        setenv("CKERNELS_ISA", "sse9", 1)
        #expect(ck_isa() == nil)
        var y: [Float] = [0.25]
        #expect(ck_exp_f32(&y, [1], 1) == CK_UNKNOWN_ISA && y == [0.25])
        let error = #expect(throws: AttentionError.self) { try softmax(Tensor([1], shape: [1])) }
        #expect("\(error!)".contains("CKERNELS_ISA"))
        #expect(throws: AttentionError.self) { try KernelRuntime.instructionSet }
        // Choosing a set by name is the way out.
        try KernelRuntime.select(instructionSet: "scalar")
        #expect(try softmax(Tensor([1], shape: [1])).elements == [1])
      }
    }

    @Test func environmentChoosesASet() async {
      await #expect(processExitsWith: .success) {
        setenv("CKERNELS_ISA", "scalar", 1)
        let set = try KernelRuntime.instructionSet
        #expect(set == "scalar")
      }
    }
  }
}
