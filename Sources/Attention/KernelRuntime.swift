import CKernels

/// What the kernels run on: the instruction set and the number of threads. Both hold for the whole process.
///
/// Results are bit-identical for any number of threads; instruction sets differ in the last bits.
public enum KernelRuntime {
  /// The sets that this machine can run, best first: of `avx512bf16`, `avx512`, `avx2`, `neon`, `scalar`.
  public static var availableInstructionSets: [String] {
    (0..<ck_isa_count()).map { String(cString: ck_isa_at($0)) }
  }

  /// The set in use: the best one, unless the environment's `CKERNELS_ISA` or ``select(instructionSet:)`` says otherwise.
  ///
  /// - Throws: ``AttentionError/kernel(_:)`` when `CKERNELS_ISA` names a set that does not run here.
  public static var instructionSet: String {
    get throws(AttentionError) {
      try ready()
      return String(cString: ck_isa())
    }
  }

  /// Uses another set from now on; nil goes back to the best one.
  ///
  /// - Throws: ``AttentionError/kernel(_:)`` for a name that is unknown or that this machine cannot run.
  public static func select(instructionSet: String?) throws(AttentionError) {
    let status = ck_select_isa(instructionSet)
    guard status == CK_OK else {
      throw .kernel("instruction set '\(instructionSet ?? "")': \(message(status)); here run \(list)")
    }
  }

  /// The threads that one call may use. At first OpenMP's default (`OMP_NUM_THREADS`, else the number of cores).
  public static var threads: Int { Int(ck_threads()) }

  /// Sets ``threads``, in 1…1024; nil goes back to the default. OpenMP's own settings stay as they are.
  public static func setThreads(_ count: Int?) throws(AttentionError) {
    guard count == nil || (1...1024).contains(count!), ck_set_threads(Int32(count ?? 0)) == CK_OK else {
      throw .value(argument: "threads", expected: "1 to 1024", found: "\(count ?? 0)")
    }
  }

  /// Gives the system back the memory that is kept for the next arrays. Large arrays leave theirs behind when they go, so
  /// that a training step need not ask for it anew; with what is in use it is never more than was in use at most.
  public static func releaseMemory() { ck_release_memory() }

  /// Throws what is wrong with `CKERNELS_ISA`, so that the kernels' calls after it cannot fail for that reason.
  package static func ready() throws(AttentionError) {
    guard ck_isa() == nil else { return }
    throw .kernel("the environment's CKERNELS_ISA names no instruction set that runs here; there are \(list)")
  }

  private static var list: String { availableInstructionSets.joined(separator: ", ") }

  static func message(_ status: ck_status) -> String { String(cString: ck_status_message(status)) }
}

/// Stops on a status that only a broken invariant of this package, or a machine out of memory, can produce.
func check(_ status: ck_status) {
  precondition(status == CK_OK, "CKernels: \(KernelRuntime.message(status))")
}
