"""What columns are called, by concept, in the languages of public data. Phrases are compared as `naming` normalizes them."""

# ruff: noqa: E501, RUF001 - lists of many short words, some of other alphabets
from typing import Final

from quality_svc.semantics.naming import phrases

EMAIL: Final = phrases(
    "email|e mail|mail|email address|e mail address|mailadresse|emailadresse|courriel|adresse mail|adresse email|correo|correo electronico|posta elettronica|endereco eletronico|correio eletronico|epost|e post|sahkoposti|eposta|e posta|adres email|emailova adresa|elektronicka posta|почта|эл почта|электронная почта|адрес электронной почты|електронна пошта|имейл|邮箱|电子邮件|電子郵件|メール|メールアドレス|이메일|البريد الإلكتروني|דוא ל|ईमेल|thu dien tu|surel"
)
PHONE: Final = phrases(
    "phone|phone number|phone no|telephone|telephone number|tel|tel no|tel nr|telno|mobile|mobile number|mobile phone|cell|cell phone|cellphone|fax|fax number|contact number|telefon|telefonnummer|telefonnr|rufnummer|handy|handynummer|mobil|mobilnummer|mobiltelefon|festnetz|durchwahl|telefax|telephone portable|portable|numero de telephone|telecopie|telefono|numero de telefono|telefono movil|movil|celular|telefone|telemovel|numero de telefone|cellulare|numero di telefono|telefoon|telefoonnummer|mobiel|gsm|puhelin|puhelinnumero|numer telefonu|komorka|telefonni cislo|telefonszam|numar de telefon|телефон|номер телефона|мобильный|тел|телефонен номер|τηλεφωνο|κινητο|telefon numarasi|cep telefonu|هاتف|رقم الهاتف|جوال|טלפון|נייד|फोन|电话|手机|电话号码|手机号|電話|電話番号|携帯|携帯電話|전화|전화번호|휴대폰|dien thoai|so dien thoai|telepon|nomor telepon|hp|whatsapp"
)
URL: Final = phrases(
    "url|uri|link|website|web site|web|homepage|web address|webseite|internet|internetadresse|site web|site internet|lien|sitio web|pagina web|enlace|sito|sito web|sitio|webbplats|hemsida|nettside|strona www|strona internetowa|www|сайт|ссылка|веб сайт|网址|网站|链接|サイト|リンク|웹사이트|링크|href|image url|thumbnail|permalink"
)
POSTAL_CODE: Final = phrases(
    "zip|zip code|zipcode|postal code|postcode|post code|postalcode|plz|postleitzahl|code postal|cp|codigo postal|cod postal|codice postale|cap|cep|postnummer|postnr|postinumero|kod pocztowy|psc|iranyitoszam|irsz|postcodigo|почтовый индекс|индекс|поштовий індекс|пощенски код|ταχυδρομικος κωδικας|τκ|posta kodu|الرمز البريدي|מיקוד|पिन कोड|pincode|pin code|邮编|邮政编码|郵便番号|우편번호|ma buu dien|kode pos|eircode|adm code postal"
)
COUNTRY: Final = phrases(
    "country|country code|country name|country iso|iso country|nation|nationality|land|laendercode|landercode|staat|laenderkuerzel|herkunftsland|nationalitat|pays|code pays|nationalite|pais|codigo pais|nacionalidad|nacionalidade|paese|nazione|nazionalita|landcode|nationaliteit|landskod|maa|kraj|kod kraju|zeme|stat|krajina|orszag|tara|страна|код страны|країна|държава|χωρα|ulke|البلد|الدولة|מדינה|देश|国家|国|國家|国籍|国名|국가|나라|quoc gia|negara|iso2|iso3|geo|country of origin|country region|origin country|nat"
)
LANGUAGE: Final = phrases(
    "language|language code|lang|locale|sprache|sprachcode|langue|idioma|lengua|lingua|taal|sprak|sprog|kieli|jezyk|jazyk|nyelv|limba|язык|мова|език|γλωσσα|dil|اللغة|שפה|भाषा|语言|語言|言語|언어|ngon ngu|bahasa|iso639"
)
CURRENCY: Final = phrases(
    "currency|currency code|ccy|cur|curr|waehrung|wahrung|waehrungscode|devise|monnaie|code devise|moneda|divisa|moeda|valuta|valutakod|waluta|mena|penznem|valuutta|валюта|νομισμα|para birimi|العملة|מטבע|मुद्रा|货币|币种|通貨|통화|tien te|mata uang"
)
LATITUDE: Final = phrases(
    "lat|latitude|geo lat|lat deg|y lat|breite|breitengrad|geographische breite|latitud|latitudine|breedtegraad|breddgrad|leveysaste|szerokosc|szerokosc geograficzna|zemepisna sirka|szelesseg|широта|γεωγραφικο πλατος|enlem|خط العرض|קו רוחב|纬度|緯度|위도|vi do|lintang|decimal latitude|point y|y coord|ycoord|y"
)
LONGITUDE: Final = phrases(
    "lon|lng|long|longitude|geo lon|geo lng|lon deg|x lon|laenge|langengrad|laengengrad|geographische lange|longitud|longitudine|lengtegraad|langdgrad|pituusaste|dlugosc|dlugosc geograficzna|zemepisna delka|hosszusag|долгота|γεωγραφικο μηκος|boylam|خط الطول|קו אורך|经度|經度|経度|경도|kinh do|bujur|decimal longitude|point x|x coord|xcoord|x"
)
IBAN: Final = phrases(
    "iban|iban number|iban nummer|bank account|bankkonto|kontonummer|bankverbindung|compte bancaire|cuenta bancaria|conto bancario|account number|банковский счет"
)
PAYMENT_CARD: Final = phrases(
    "card number|credit card|creditcard|cc number|ccnum|cc num|kreditkarte|kreditkartennummer|carte de credit|carte bancaire|numero de carte|tarjeta de credito|numero de tarjeta|cartao de credito|carta di credito|pan number|номер карты|карта|卡号|信用卡|カード番号|카드번호|kart numarasi"
)
BIRTH_DATE: Final = phrases(
    "date of birth|birth date|birthdate|dob|birthday|born|born on|geburtsdatum|geburtstag|geboren|geb datum|gebdat|date de naissance|ne le|date naissance|fecha de nacimiento|fecha nacimiento|nacimiento|data de nascimento|data nascimento|nascimento|data di nascita|nascita|geboortedatum|fodelsedatum|fodselsdato|fodselsdag|syntymaaika|syntymapaiva|data urodzenia|datum narozeni|datum narodenia|szuletesi datum|szuletesnap|data nasterii|дата рождения|день рождения|дата народження|дата на раждане|ημερομηνια γεννησης|dogum tarihi|تاريخ الميلاد|תאריך לידה|जन्म तिथि|出生日期|生日|出生年月日|生年月日|誕生日|생년월일|ngay sinh|tanggal lahir|year of birth|birth year|yob|geburtsjahr|annee de naissance|ano de nacimiento|anno di nascita"
)
AGE: Final = phrases(
    "age|age years|alter|lebensalter|age at|edad|idade|eta|leeftijd|alder|ika|wiek|vek|kor|varsta|возраст|вік|възраст|ηλικια|yas|العمر|גיל|आयु|年龄|年齢|나이|연령|tuoi|umur|usia"
)
GENDER: Final = phrases(
    "gender|sex|geschlecht|genre|sexe|genero|sexo|genere|sesso|geslacht|kon|kjonn|sukupuoli|plec|pohlavi|pohlavie|nem|sexul|пол|стать|φυλο|cinsiyet|الجنس|מין|लिंग|性别|性別|성별|gioi tinh|jenis kelamin|m f"
)
PERSON_NAME: Final = phrases(
    "first name|firstname|fname|given name|givenname|forename|last name|lastname|lname|surname|family name|familyname|middle name|full name|fullname|person name|customer name|contact name|contact person|patient name|employee name|author name|owner name|maiden name|passenger name|student name|name of person|vorname|nachname|familienname|zuname|geburtsname|rufname|ansprechpartner|name vorname|inhaber|prenom|nom de famille|nom complet|nom et prenom|nom prenom|nombre y apellidos|apellido|apellidos|primer apellido|segundo apellido|nombre completo|nombres|sobrenome|apelido|nome completo|cognome|nome e cognome|voornaam|achternaam|familienaam|tussenvoegsel|fornamn|efternamn|fornavn|etternavn|efternavn|etunimi|sukunimi|imie|nazwisko|imie i nazwisko|jmeno|prijmeni|meno|priezvisko|keresztnev|vezeteknev|prenume|nume de familie|имя|фамилия|отчество|фио|прізвище|по батькові|име|фамилно име|ονομα|επωνυμο|ονοματεπωνυμο|ad soyad|soyad|soyadi|adi|الاسم|اسم العائلة|שם פרטי|שם משפחה|姓名|名字|姓|氏名|名前|名字|이름|성명|ho ten|ho va ten|nama lengkap|nama depan"
)
NATIONAL_ID: Final = phrases(
    "ssn|social security number|social security|national id|national identifier|national insurance number|nino|nhs number|passport|passport number|passport no|identity card|id card number|driver license|drivers license|driving licence|tax id|tax number|tin|itin|steuernummer|steuer id|steueridentifikationsnummer|idnr|sozialversicherungsnummer|svnr|sv nummer|ahv nummer|ahv nr|ausweisnummer|personalausweis|reisepass|personalausweisnummer|numero de securite sociale|securite sociale|nir|insee nir|passeport|numero fiscal|dni|nie|nif|dni nie|documento de identidad|pasaporte|cedula|cpf|rg|bi|numero de identificacao|passaporte|codice fiscale|carta d identita|passaporto|bsn|burgerservicenummer|sofinummer|rijksregisternummer|paspoort|personnummer|personnr|fodselsnummer|cpr|cpr nummer|cpr nr|henkilotunnus|hetu|pesel|nr dowodu|dowod osobisty|rodne cislo|szemelyi szam|taj szam|adoazonosito|cnp|cod numeric personal|инн|снилс|паспорт|номер паспорта|рнокпп|іпн|егн|αφμ|αμκα|tc kimlik|tc kimlik no|tckn|kimlik no|الرقم القومي|رقم الهوية|جواز السفر|תעודת זהות|מספר זהות|aadhaar|aadhar|आधार|身份证|身份证号|身份證字號|护照|护照号码|マイナンバー|個人番号|주민등록번호|여권번호|cmnd|cccd|so cccd|nik|no ktp|ktp|curp|rfc|rut|cuil|cuit|oib|emso|jmbg|isikukood|asmens kodas|personas kods|egn|pps number|ppsn|sin number|tfn|medicare number|egk nummer|krankenversichertennummer|versichertennummer"
)
ADDRESS: Final = phrases(
    "address|street|street address|address line|home address|mailing address|residence|house number|street name|street number|addr|strasse|str|anschrift|adresse|hausnummer|hausnr|strasse hausnummer|wohnanschrift|wohnort|rue|voie|numero de rue|adresse postale|libelle voie|calle|direccion|domicilio|direccion postal|endereco|rua|logradouro|morada|indirizzo|via|residenza|straat|adres|huisnummer|woonplaats|gata|gatuadress|vej|gate|osoite|katuosoite|ulica|adres zamieszkania|ulice|adresa|utca|cim|lakcim|strada|адрес|улица|дом|адреса|вулиця|διευθυνση|οδος|adres satiri|sokak|cadde|العنوان|شارع|כתובת|רחוב|पता|地址|住址|住所|番地|주소|도로명주소|dia chi|alamat|jalan"
)
CITY: Final = phrases(
    "city|town|municipality|locality|place|ort|stadt|gemeinde|ortschaft|ortsname|ville|commune|localite|ciudad|municipio|localidad|poblacion|cidade|municipio|citta|comune|localita|stad|plaats|gemeente|woonplaats|kommun|kommune|by|tatort|kaupunki|kunta|miasto|gmina|miejscowosc|mesto|obec|varos|telepules|oras|localitate|город|населенный пункт|місто|град|община|πολη|δημος|sehir|ilce|il|المدينة|עיר|יישוב|शहर|城市|市|市区町村|都市|도시|시군구|thanh pho|kota|kabupaten"
)
IP_ADDRESS: Final = phrases(
    "ip|ip address|ipaddress|ipv4|ipv6|remote addr|client ip|src ip|dst ip|source ip|ip adresse|adresse ip|direccion ip|indirizzo ip|endereco ip|ip адрес|ip地址|ipアドレス|ip주소"
)
DEVICE: Final = phrases(
    "mac address|mac|imei|imsi|device id|deviceid|advertising id|idfa|gaid|udid|android id|serial number of device|cookie|cookie id|session id|user agent|geraetenummer|fahrgestellnummer|vin|license plate|licence plate|plate number|kennzeichen|kfz kennzeichen|plaque d immatriculation|immatriculation|matricula|placa|targa|kenteken|rejestracja|госномер|车牌号|车牌"
)
USER_NAME: Final = phrases(
    "username|user name|login|login name|user id|userid|nickname|screen name|handle|twitter handle|account name|benutzername|benutzer|nutzername|identifiant|nom d utilisateur|pseudo|usuario|nombre de usuario|nome utente|utente|gebruikersnaam|anvandarnamn|nazwa uzytkownika|логин|имя пользователя|никнейм|kullanici adi|用户名|ユーザー名|사용자명"
)
CREDENTIALS: Final = phrases(
    "password|passwd|pwd|pass word|passwort|kennwort|mot de passe|contrasena|senha|palavra passe|parola|wachtwoord|losenord|haslo|heslo|jelszo|пароль|sifre|密码|パスワード|비밀번호|pin|cvv|cvc|secret|api key|apikey|token|private key|security answer"
)
HEALTH: Final = phrases(
    "diagnosis|diagnosis code|icd|icd 10|icd10|disease|illness|medical condition|condition|symptom|symptoms|treatment|medication|drug|blood type|blood group|bmi|blood pressure|glucose|cholesterol|disability|disability status|allergy|allergies|hiv|pregnant|pregnancies|diagnose|krankheit|behandlung|medikament|blutgruppe|behinderung|schwerbehinderung|maladie|diagnostic|traitement|handicap|groupe sanguin|enfermedad|diagnostico|tratamiento|discapacidad|medicamento|doenca|deficiencia|malattia|diagnosi|disabilita|ziekte|choroba|niepelnosprawnosc|диагноз|болезнь|инвалидность|группа крови|hastalik|tani|诊断|疾病|病名|診断|질병|진단"
)
BELIEF: Final = phrases(
    "religion|faith|denomination|konfession|glaube|political party|party affiliation|political opinion|parteizugehoerigkeit|trade union|union membership|gewerkschaft|philosophical belief|religione|religiao|godsdienst|wyznanie|religia|вероисповедание|религия|din|الديانة|宗教|종교|sexual orientation|sexualitat|orientation sexuelle|orientacion sexual"
)
ORIGIN: Final = phrases(
    "race|ethnicity|ethnic group|ethnic origin|ethnie|etnia|raza|raca|razza|herkunft|migrationshintergrund|hautfarbe|skin color|skin colour|tribe|caste|раса|национальность|民族|种族|人種|인종"
)
IDENTIFIER: Final = phrases(
    "id|identifier|uid|uuid|guid|key|pk|primary key|row id|record id|index|number|no|nr|num|nummer|kennung|schluessel|schlussel|lfd nr|laufende nummer|identifiant|cle|numero|n|identificador|clave|chave|codice|identificativo|chiave|sleutel|volgnummer|lopnummer|tunniste|identyfikator|numer|cislo|azonosito|sorszam|номер|ид|идентификатор|код записи|αριθμος|numara|sira no|رقم|מספר|क्रमांक|编号|序号|番号|번호|so thu tu|stt|nomor|serial|serial number|invoice no|invoice number|order id|order number|customer id|ref|reference|accession|object id|oid|gid|fid|objectid"
)
CODE: Final = phrases(
    "code|codes|sku|ean|gtin|upc|isbn|issn|nuts|lau|naics|nace|isic|cpv|hs code|cas|cas number|icao|iata|fips|geoid|inn code|kuerzel|kurzel|kennziffer|schluesselnummer|ags|siren|siret|nic|ape|code insee|insee|codigo|codice|kod|kode|код|κωδικος|kodu|رمز|קוד|कोड|代码|代號|コード|코드|ma so|abbreviation|abbr|symbol|ticker|isin|bic|swift|lei|wkn|vat|vat number|ust id|ustid|umsatzsteuer id"
)
CATEGORY: Final = phrases(
    "category|type|class|kind|group|status|state|level|grade|segment|species|genre|sector|kategorie|art|typ|klasse|gruppe|stufe|categorie|statut|nature|secteur|categoria|tipo|clase|grupo|estado|nivel|classe|gruppo|stato|soort|groep|kategori|luokka|tyyppi|rodzaj|kategoria|druh|tipus|тип|вид|категория|класс|группа|статус|κατηγορια|τυπος|kategori|tur|النوع|الفئة|סוג|קטגוריה|प्रकार|श्रेणी|类别|类型|种类|分类|状态|種類|区分|分類|카테고리|유형|종류|loai|jenis|label|target|outcome|result"
)
FREE_TEXT: Final = phrases(
    "description|comment|comments|text|note|notes|remark|remarks|review|message|summary|abstract|body|content|title|headline|subject|beschreibung|bemerkung|bemerkungen|kommentar|anmerkung|hinweis|notiz|titel|betreff|description|commentaire|remarque|resume|titre|objet|observations|descripcion|comentario|observaciones|notas|titulo|asunto|descricao|observacao|descrizione|commento|nota|oggetto|titolo|omschrijving|opmerking|toelichting|beskrivning|kommentarer|beskrivelse|kuvaus|huomautus|opis|uwagi|komentarz|popis|poznamka|leiras|megjegyzes|descriere|описание|комментарий|примечание|текст|отзыв|опис|περιγραφη|σχολια|aciklama|yorum|الوصف|ملاحظات|תיאור|הערות|विवरण|描述|备注|说明|评论|内容|説明|備考|コメント|설명|비고|내용|mo ta|ghi chu|deskripsi|keterangan|tweet|question|answer|transcript"
)
YEAR: Final = phrases(
    "year|yr|jahr|annee|an|ano|anno|jaar|ar|vuosi|rok|ev|anul|год|рік|година|ετος|yil|سنة|שנה|वर्ष|年|年份|年度|연도|년|nam|tahun|fiscal year|model year|calendar year|berichtsjahr|haushaltsjahr|exercice|ejercicio|schuljahr"
)
QUARTER: Final = phrases(
    "quarter|qtr|quartal|trimestre|kwartaal|kvartal|kwartal|ctvrtleti|negyedev|квартал|ceyrek|季度|四半期|분기|quy"
)
MONTH: Final = phrases(
    "month|mon|mth|monat|mois|mes|mese|maand|manad|maned|kuukausi|miesiac|mesic|mesiac|honap|luna|месяц|місяць|месец|μηνας|ay|الشهر|חודש|महीना|月|月份|월|thang|bulan|berichtsmonat"
)
WEEK: Final = phrases(
    "week|week number|week of year|isoweek|wk|woche|kw|kalenderwoche|semaine|semana|settimana|vecka|uge|uke|viikko|tydzien|tyden|het|saptamana|неделя|тиждень|εβδομαδα|hafta|الأسبوع|שבוע|周|週|주|tuan|minggu"
)
WEEKDAY: Final = phrases(
    "weekday|day of week|dayofweek|dow|wochentag|jour de la semaine|jour semaine|dia de la semana|dia semana|dia da semana|giorno della settimana|veckodag|ugedag|ukedag|viikonpaiva|dzien tygodnia|den v tydnu|день недели|haftanin gunu|星期|曜日|요일|thu"
)
DAY: Final = phrases(
    "day|day of month|dayofmonth|tag|jour|dia|giorno|dag|paiva|dzien|den|nap|zi|день|ден|ημερα|gun|اليوم|יום|दिन|日|일|ngay|hari|day of year|doy|julian day"
)
HOUR: Final = phrases(
    "hour|hour of day|hr|stunde|heure|hora|ora|uur|timme|time|tunti|godzina|hodina|час|година|ωρα|saat|小时|時|시간|gio|jam|hh"
)
MINUTE: Final = phrases("minute|minuto|minuut|minut|minuutti|minuta|минута|dakika|分钟|phut|menit")
