"""Given names that are frequent somewhere; what they tell of a column is in `persons`."""

from typing import Final

_NAMES: Final = """
james mary john patricia robert jennifer michael linda william elizabeth david barbara richard susan joseph jessica
thomas sarah charles karen christopher nancy daniel lisa matthew betty anthony margaret mark sandra donald ashley
steven kimberly paul emily andrew donna joshua michelle kenneth dorothy kevin carol brian amanda george melissa edward
deborah ronald stephanie timothy rebecca jason sharon jeffrey laura ryan cynthia jacob kathleen gary amy nicholas
shirley eric angela jonathan helen stephen anna larry brenda justin pamela scott nicole brandon samantha benjamin
katherine samuel emma gregory ruth frank christine alexander catherine raymond debra patrick rachel jack carolyn
dennis janet jerry tyler maria aaron heather jose diane adam julie henry joyce nathan victoria oliver olivia harry
amelia noah sophia liam isabella ethan mia lucas charlotte logan ava peter jane lily grace hans klaus wolfgang jürgen
uwe bernd günter karl heinz werner horst dieter manfred gerhard stefan andreas markus matthias martin sabine petra
monika ursula renate helga karin brigitte ingrid erika christa gisela heike kerstin anja katrin julia lena lukas leon
finn felix jonas maximilian paula hannah johannes dirk jens kai sven torsten ralf anke silke birgit ute katja jean
pierre marie michel andré philippe rené louis alain jacques bernard marcel roger claude christian françois nathalie
isabelle sylvie martine nicolas sébastien julien guillaume camille léa manon chloé inès hugo théo élise aurélie céline
sophie valérie véronique thierry pascal laurent stéphane gilles antonio josé manuel francisco juan javier carlos
miguel alejandro pedro pablo sergio jorge alberto luis álvaro diego carmen maría josefa isabel dolores pilar teresa
ana francisca lucía marta cristina elena raquel rosa joão paulo tiago rui ricardo nuno fernanda juliana adriana márcia
patrícia luiz rafael gustavo bruno felipe thiago giuseppe giovanni mario luigi francesco angelo vincenzo pietro
salvatore carlo franco domenico paolo marco andrea luca matteo alessandro lorenzo giulia chiara francesca sara martina
valentina alessia giorgia elisa silvia federica jan piotr krzysztof andrzej tomasz paweł marcin michał grzegorz
katarzyna małgorzata agnieszka ewa krystyna magdalena joanna zofia jiří pavel tomáš jana petr eva hana lenka lars
anders erik johan björn olaf ole søren mette anne kirsten jukka matti liisa pekka aino willem cornelis pieter hendrik
wilhelmina sanne daan femke jeroen marieke ivan sergei sergey dmitry dmitri andrei alexei mikhail vladimir olga
natalia tatiana irina svetlana ekaterina иван сергей александр дмитрий андрей алексей михаил владимир ольга елена
наталья татьяна ирина светлана екатерина мария анна mohammed muhammad ahmed mahmoud ali hassan hussein omar khaled
fatima aisha maryam zainab mehmet mustafa ayşe fatma emine hüseyin ibrahim yusuf elif zeynep murat rahul amit sanjay
rajesh priya anjali sunita deepak vijay ravi suresh anita pooja neha arjun wei li ming jing yan hiroshi takashi yuki
sakura kenji minh thanh anh nguyen
"""
GIVEN: Final = frozenset(_NAMES.split())
"""Given names that are frequent somewhere: enough of them among capitalized words tell persons from products."""
