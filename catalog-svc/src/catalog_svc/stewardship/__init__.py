"""What stewards say about data: descriptions, meanings of columns, relations, collections, sticky schemas, citation."""
