import Seq2Seq

/// The model of `attend demo` and how long it learns.
enum DemoSettings {
  static let model = ModelConfiguration.luong(
    score: .general, cell: .gru, layers: 1, bidirectional: true, inputFeeding: true, embedding: 32,
    hidden: 128)

  static func training(seed: UInt64) -> TrainingOptions {
    TrainingOptions(batchSize: 32, rate: 3e-3, seed: seed)
  }

  static let learnt = 10_000
  /// These tell when it has learnt enough. The held-out ones must not: they would no longer be unseen.
  static let development = 300
  static let held = 1_000

  static let epochs = 60
  /// Good enough to stop, on the development pairs, when it lasts for so many epochs: one alone may be luck.
  static let enough = 0.997
  static let inARow = 4
  /// An epoch that would probably end later than this is not begun.
  static let budget = Duration.seconds(55)
  /// On a machine so slow that an epoch lasts longer, this ends it.
  static let limit = Duration.seconds(59)
}
