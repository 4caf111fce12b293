/// Models as their papers had them, and smaller ones for two cores. Sizes of vocabularies come with the corpus.
extension ModelConfiguration {
  /// The best single model of Luong, Pham, Manning 2015, §4.1: 4 layers of 1000 units, the general score in local-p's windows of 10
  /// words to either side, input feeding, dropout of 0.2, sources reversed, parameters in ±0.1.
  public static let luong2015 = paper(
    .luong(
      score: .general, cell: .lstm, layers: 4, bidirectional: false, embedding: 1000, hidden: 1000,
      dropout: 0.2), window: .predictive(radius: 10), reversedSource: true,
    initialRange: 0.1)

  /// RNNsearch of Bahdanau, Cho, Bengio 2015, appendices A.2.3 and B: 1000 units either way, embeddings of 620, 500 maxout
  /// units, recurrent matrices that start orthogonal.
  public static let bahdanau2015 = paper(
    .bahdanau(
      cell: .gruResetBefore, readout: .maxout, embedding: 620, hidden: 1000),
    orthogonal: true)

  /// Sutskever, Vinyals, Le 2014, §3.4: no attention, 4 layers of 1000 units, sources reversed, parameters in ±0.08.
  public static let sutskever2014 = paper(
    .plain(cell: .lstm, layers: 4, bidirectional: false, embedding: 1000, hidden: 1000),
    reversedSource: true, initialRange: 0.08)

  /// Luong's with a layer of 256 units read in both directions.
  public static let luongSmall = ModelConfiguration.luong(embedding: 128, hidden: 256, dropout: 0.2)

  /// Bahdanau's with 256 units.
  public static let bahdanauSmall = ModelConfiguration.bahdanau(embedding: 128, hidden: 256, dropout: 0.2)

  /// The plain encoder-decoder with a layer of 256 units read in both directions.
  public static let plainSmall = ModelConfiguration.plain(embedding: 128, hidden: 256, dropout: 0.2)

  private static func paper(
    _ shape: ModelConfiguration, window: AttentionWindow? = nil, reversedSource: Bool = false,
    initialRange: Float? = nil, orthogonal: Bool = false
  ) -> ModelConfiguration {
    var result = shape
    result.window = window
    result.orthogonal = orthogonal
    result.reversedSource = reversedSource
    result.initialRange = initialRange
    return result
  }
}
