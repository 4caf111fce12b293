import Foundation
import Synchronization

/// Whether the user asked to stop (Ctrl-C, or SIGTERM). Work that can save itself asks between its steps.
enum Interruption {
  /// From now on the first signal only asks to stop; a second one stops the program as usual.
  static func watch() {
    // The flag is made here: a signal handler must not be the first to touch it.
    isRequested.store(false, ordering: .relaxed)
    // Whoever started the program may have blocked the signals, and a blocked one does not come.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM] {
      sigaddset(&signals, number)
      signal(number) { number in
        isRequested.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// From now on the first signal stops the program, as usual.
  static func unwatch() {
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
  }

  static var isPending: Bool { isRequested.load(ordering: .relaxed) }
}

private let isRequested = Atomic(false)
